"""The Aha! connector, for Lakeflow's managed ingestion and for `spark.dataSource.register(AhaDataSource)`.

All code is in the merged file beside this one. With the community connectors' framework installed, the source
is one of its sources too; without it, a plain data source.
"""

from typing import Any

from databricks.labs.community_connector.sources.aha._generated_aha_python_source import (
    register_lakeflow_source,
)

try:
    from databricks.labs.community_connector.sparkpds import LakeflowSource
except ImportError:
    LakeflowSource = None


class _Registry:
    """Stands where a Spark session would, and keeps what is registered with it."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    @property
    def dataSource(self) -> "_Registry":
        return self

    def register(self, source: Any) -> None:
        self.found.append(source)


def _load() -> Any:
    registry = _Registry()
    register_lakeflow_source(registry)
    return registry.found[0]


_Source = _load()
AhaLakeflowConnect = _Source.connector_class


class AhaDataSource(*((_Source, LakeflowSource) if LakeflowSource else (_Source,))):
    """`spark.read.format("lakeflow_connect")` over an Aha! account."""

    _lakeflow_connect_cls = AhaLakeflowConnect


__all__ = ["AhaDataSource", "AhaLakeflowConnect"]
