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
        operations: tuple[tuple[str, str, Callable[[web.Request, Body], Any]], ...] = (
            ("POST", "/{kind}", self._create),
            ("PATCH", "/{kind}/{id}", self._change),
            ("DELETE", "/{kind}/{id}", self._delete),
            ("POST", "/{kind}/{id}/spam", self._spam),
            ("POST", "/idea/{id}/merge", self._merge),
            ("POST", "/idea/{id}/status", self._status),
            ("PUT", "/clock", self._clock),
            ("PUT", "/behaviour", self._behaviour),
            ("GET", "/behaviour", lambda *_: asdict(self._world.behaviour)),
            ("PUT", "/faults", self._faults),
            ("GET", "/log", lambda *_: {"requests": self._traffic.log, "counts": self._traffic.counts()}),
            ("DELETE", "/log", lambda *_: self._traffic.log.clear()),
        )
        ordered = sorted(operations, key=lambda item: item[1].count("{"))
        return [web.route(method, PREFIX + path, _handler(operation)) for method, path, operation in ordered]

    def _create(self, request: web.Request, body: Body) -> Any:
        record = self._world.create(
            request.match_info["kind"],
            int(body.get("parent", 0)),
            proxy=bool(body.get("proxy", True)),
            **body.get("fields", {}),
        )
        return record.body

    def _change(self, request: web.Request, body: Body) -> Any:
        return self._world.change(*_target(request), **body.get("fields", {})).body

    def _delete(self, request: web.Request, _: Body) -> None:
        self._world.delete(*_target(request))

    def _spam(self, request: web.Request, body: Body) -> None:
        self._world.mark_spam(*_target(request), spam=bool(body.get("spam", True)))

    def _merge(self, request: web.Request, body: Body) -> None:
        self._world.merge(int(request.match_info["id"]), int(body["into"]))

    def _status(self, request: web.Request, body: Body) -> None:
        self._world.set_status(int(request.match_info["id"]), str(body["name"]))

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
        self._traffic.faults[:] = [Scheduled(**entry) for entry in body.get("faults", [])]
        return {"scheduled": len(self._traffic.faults)}


def _target(request: web.Request) -> tuple[str, int]:
    return request.match_info["kind"], int(request.match_info["id"])


def _handler(operation: Callable[[web.Request, Body], Any]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError as error:
            return _refusal(f"the body is no JSON: {error}")
        if not isinstance(body, dict):
            return _refusal("the body is no JSON object")
        try:
            return json_answer(operation(request, body) or {})
        except KeyError as error:
            return _refusal(f"{error} is missing in the body")
        except (WorldError, BehaviourError, FaultError, TypeError, ValueError, OverflowError) as error:
            return _refusal(str(error))

    return handle


def _refusal(message: str) -> web.Response:
    return json_answer({"error": message}, status=400)
