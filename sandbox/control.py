"""The control surface: change the account, its time and its behaviour while it is being read."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.answers import json_answer
from sandbox.behaviour import BehaviourError
from sandbox.clock import timestamp
from sandbox.faults import FaultError, Scheduled
from sandbox.routes import Handler
from sandbox.traffic import Traffic
from sandbox.world import WorldError

PREFIX = "/control"

Body = dict[str, Any]


class Control:
    """`/control/...`: JSON in, JSON out; 400 says what was wrong."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._world = traffic.world

    def routes(self) -> list[web.RouteDef]:
        """Every operation, as method, path and what it does with the body."""
        operations: tuple[tuple[str, str, Callable[[web.Request, Body], Any], str | None], ...] = (
            ("POST", "/{kind}", self._create, "parent proxy fields"),
            ("PATCH", "/{kind}/{id}", self._change, "fields"),
            ("DELETE", "/{kind}/{id}", self._delete, ""),
            ("POST", "/{kind}/{id}/spam", self._spam, "spam moving"),
            ("POST", "/{kind}/{id}/hidden", self._hide, "hidden"),
            ("POST", "/{kind}/{id}/restore", self._restore, "moving"),
            ("POST", "/product/{id}/revoke", self._revoke, ""),
            ("POST", "/product/{id}/grant", self._grant, ""),
            ("POST", "/idea/{id}/merge", self._merge, "into moving"),
            ("POST", "/idea/{id}/status", self._status, "name"),
            ("PUT", "/clock", self._clock, "set advance"),
            # What is known here, the switches themselves say.
            ("PUT", "/behaviour", self._behaviour, None),
            ("GET", "/behaviour", lambda *_: asdict(self._world.behaviour), ""),
            ("PUT", "/faults", self._faults, "faults"),
            ("GET", "/log", lambda *_: {"requests": self._traffic.log, "counts": self._traffic.counts()}, ""),
            ("DELETE", "/log", lambda *_: self._traffic.log.clear(), ""),
        )
        ordered = sorted(operations, key=lambda item: item[1].count("{"))
        return [
            web.route(
                method, PREFIX + path, _handler(operation, None if keys is None else frozenset(keys.split()))
            )
            for method, path, operation, keys in ordered
        ]

    def _create(self, request: web.Request, body: Body) -> Any:
        record = self._world.create(
            request.match_info["kind"],
            _id(body.get("parent", 0)),
            proxy=_flag(body, "proxy"),
            **_fields(body),
        )
        return record.body

    def _change(self, request: web.Request, body: Body) -> Any:
        return self._world.change(*_target(request), **_fields(body)).body

    def _delete(self, request: web.Request, _: Body) -> None:
        self._world.delete(*_target(request))

    def _spam(self, request: web.Request, body: Body) -> None:
        self._world.mark_spam(*_target(request), spam=_flag(body, "spam"), moving=_flag(body, "moving"))

    def _hide(self, request: web.Request, body: Body) -> None:
        self._world.hide(*_target(request), hidden=_flag(body, "hidden"))

    def _merge(self, request: web.Request, body: Body) -> None:
        self._world.merge(_id(request.match_info["id"]), _id(body["into"]), moving=_flag(body, "moving"))

    def _restore(self, request: web.Request, body: Body) -> None:
        self._world.restore(*_target(request), moving=_flag(body, "moving"))

    def _revoke(self, request: web.Request, _: Body) -> None:
        self._world.revoke(_id(request.match_info["id"]))

    def _grant(self, request: web.Request, _: Body) -> None:
        self._world.grant(_id(request.match_info["id"]))

    def _status(self, request: web.Request, body: Body) -> None:
        self._world.set_status(_id(request.match_info["id"]), str(body["name"]))

    def _clock(self, _: web.Request, body: Body) -> Any:
        if "set" in body:
            moment = datetime.fromisoformat(str(body["set"]))
            self._world.clock.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if "advance" in body:
            self._world.clock.advance(float(body["advance"]))
        return {"now": timestamp(self._world.clock.now())}

    def _behaviour(self, _: web.Request, body: Body) -> Any:
        self._world.behaviour = self._world.behaviour.changed(body)
        return asdict(self._world.behaviour)

    def _faults(self, _: web.Request, body: Body) -> Any:
        entries = body["faults"]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(
                "`faults` is a list of objects with `fault`, and perhaps `route`, `times`, `after`, `details`"
            )
        self._traffic.faults[:] = [Scheduled(**entry) for entry in entries]
        return {"scheduled": len(self._traffic.faults)}


def _target(request: web.Request) -> tuple[str, int]:
    return request.match_info["kind"], _id(request.match_info["id"])


def _id(value: Any) -> int:
    if not str(value).isdecimal() or len(str(value)) > 19:
        raise ValueError(f"{value!r} is no id: a number of at most 19 digits is")
    return int(value)


def _flag(body: Body, name: str) -> bool:
    value = body.get(name, True)
    if type(value) is not bool:
        raise ValueError(f"`{name}` is true or false, not {value!r}")
    return value


def _fields(body: Body) -> Body:
    fields = body.get("fields", {})
    if not isinstance(fields, dict) or {"kind", "parent", "proxy", "identity"} & set(fields):
        raise ValueError("`fields` is an object of the record's own fields")
    return fields


def _handler(operation: Callable[[web.Request, Body], Any], keys: frozenset[str] | None) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read() or b"{}")
        except (ValueError, RecursionError) as error:
            return _refusal(f"the body is no JSON: {error}")
        if not isinstance(body, dict):
            return _refusal("the body is no JSON object")
        unknown = set(body) - keys if keys is not None else set()
        if unknown:
            known = ", ".join(sorted(keys or ())) or "none"
            return _refusal(f"{sorted(unknown)[0]!r} is not known here; there are {known}")
        try:
            return json_answer(operation(request, body) or {})
        except KeyError as error:
            return _refusal(f"{error} is missing in the body")
        except (WorldError, BehaviourError, FaultError, TypeError, ValueError, OverflowError) as error:
            return _refusal(str(error))

    return handle


def _refusal(message: str) -> web.Response:
    return json_answer({"error": message}, status=400)
