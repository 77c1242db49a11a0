"""OpenAPI 3.1 description of the API, verified by tests/web/test_openapi.py. Pure."""

from __future__ import annotations

from monitor import __version__
from monitor.diagnosis.proxy_path import ProxyPath
from monitor.health.timeline import DAY
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.incident import Scope
from monitor.model.probe_result import Phase
from monitor.model.state import State
from monitor.scheduler.probe_request import ProbeRequest

Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "number", "description": "Unix seconds"}
SECONDS: Schema = {"type": "number", "description": "Duration in seconds"}
NAMES: Schema = {"type": "object", "additionalProperties": TEXT}


def _optional(schema: Schema) -> Schema:
    """Return a schema that also allows null: the value is not known."""
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _one_of(
    values: type[State | Cause | Scope | Protocol | Phase | ProbeRequest | ProxyPath],
) -> Schema:
    return {"type": "string", "enum": [value.value for value in values]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**fields: Schema) -> Schema:
    """Return the schema of an object in which every field is always present."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def _extended(base: Schema, **fields: Schema) -> Schema:
    properties = base["properties"]
    assert isinstance(properties, dict)
    return _object(**properties, **fields)


STATE, CAUSE = _one_of(State), _one_of(Cause)
PHASES: Schema = {
    "type": "object",
    "propertyNames": _one_of(Phase),
    "additionalProperties": _optional(SECONDS),
}
_BROKEN = _object(
    chain=TEXT, number=COUNT, steps=COUNT, asked=TEXT, cause=CAUSE, detail=TEXT, remediation=TEXT
)
_CERTIFICATE = _object(
    subject=_optional(TEXT),
    issuer=_optional(TEXT),
    expires_at=_optional(TIME),
    spki_sha256=_optional(TEXT),
    extra=_list(_object(subject=TEXT, expires_at=_optional(TIME))),
)
_TLS = _extended(
    _CERTIFICATE,
    version=_optional(TEXT),
    cipher=_optional(TEXT),
    verified=_optional(FLAG),
    verify_error=_optional(TEXT),
    anchor=_optional(TEXT),
    anchor_public=_optional(FLAG),
)
_TARGET = _object(
    id=TEXT,
    group=TEXT,
    host=TEXT,
    port=COUNT,
    protocol=_one_of(Protocol),
    path=TEXT,
    required=FLAG,
    state=STATE,
    since=_optional(TIME),
    flapping=FLAG,
    cause=_optional(CAUSE),
    detail=TEXT,
    remediation=TEXT,
    evidence=NAMES,
    addresses=_list(TEXT),
    addresses_tried=COUNT,
    addresses_failed=_list(TEXT),
    phases=PHASES,
    rtt_seconds=_optional(SECONDS),
    usual=_object(
        round_trip_seconds=_optional(SECONDS),
        latency_seconds=_optional(SECONDS),
        answers_with_loss=COUNT,
    ),
    wildcard=_optional(TEXT),
    wildcard_sample=_optional(
        _object(
            host=TEXT,
            path=TEXT,
            found_by=TEXT,
            found_at=_optional(TIME),
            chain=_optional(TEXT),
            steps=_list(TEXT),
            broken=_optional(_BROKEN),
        )
    ),
    proxy=_optional(TEXT),
    proxy_path=_optional(TEXT),
    may_be_proxied=FLAG,
    proxy_paths={
        "type": "object",
        "additionalProperties": _object(
            ok=FLAG,
            cause=_optional(CAUSE),
            error=_optional(TEXT),
            duration_seconds=SECONDS,
            phases=PHASES,
        ),
    },
    ways_compared=_optional(TEXT),
    network_path=_optional(TEXT),
    certificate=_optional(_CERTIFICATE),
    inspected_by=_optional(TEXT),
    last_probe_at=_optional(TIME),
    last_probe_ok=_optional(FLAG),
    interval_seconds=SECONDS,
    probes=COUNT,
)
_ANSWER = _object(
    server=TEXT,
    qtype=TEXT,
    rcode=_optional(TEXT),
    addresses=_list(TEXT),
    seconds=_optional(SECONDS),
    transport=TEXT,
    error=_optional(TEXT),
)
_CONNECTION = _object(
    address=TEXT,
    port=COUNT,
    family=TEXT,
    ok=FLAG,
    error=_optional(TEXT),
    phases=PHASES,
    rtt_seconds=_optional(SECONDS),
    retransmits=_optional(COUNT),
    tls=_optional(_TLS),
    http=_optional(
        _object(status=COUNT, redirect=_optional(TEXT), date_offset_seconds=_optional(NUMBER))
    ),
)
_PROBE_RESULT = _object(
    started_at=TIME,
    duration_seconds=_optional(SECONDS),
    clock_offset_seconds=_optional(NUMBER),
    loop_lag_seconds=_optional(SECONDS),
    resolved_by=_optional(TEXT),
    answers=_list(_ANSWER),
    connections=_list(_CONNECTION),
)
_GATEWAY = _object(
    name=TEXT,
    state=STATE,
    latency_seconds=_optional(SECONDS),
    preferred=FLAG,
    targets=_list(TEXT),
    down=_list(TEXT),
)
_INCIDENT = _object(
    id=TEXT,
    cause=CAUSE,
    scope=_one_of(Scope),
    subject=TEXT,
    state=STATE,
    started_at=TIME,
    affected=_list(TEXT),
    detail=TEXT,
    remediation=TEXT,
    evidence=NAMES,
    intermittent=FLAG,
    confidence=TEXT,
)
_PAST = _extended(_INCIDENT, ended_at=_optional(TIME))
_SLOT = _object(
    start=TIME,
    state=_optional(STATE),
    down=NUMBER,
    least_seconds=_optional(SECONDS),
    median_seconds=_optional(SECONDS),
    greatest_seconds=_optional(SECONDS),
)

SCHEMAS: dict[str, Schema] = {
    "Target": _TARGET,
    "Gateway": _GATEWAY,
    "Incident": _INCIDENT,
    "PastIncident": _PAST,
    "Targets": _object(
        version=COUNT,
        generated_at=TIME,
        summary=_object(
            ok=FLAG,
            targets=COUNT,
            up=COUNT,
            degraded=COUNT,
            down=COUNT,
            unknown=COUNT,
            required_missing=COUNT,
            covered_by_redundancy=COUNT,
        ),
        proxies=_object(
            http=_optional(TEXT),
            https=_optional(TEXT),
            no_proxy_missing=_list(TEXT),
            warnings=_list(TEXT),
        ),
        gateways=_list(_ref("Gateway")),
        clock=_optional(
            _object(
                source=TEXT,
                offset_seconds=NUMBER,
                uncertainty_seconds=_optional(SECONDS),
                sites=COUNT,
            )
        ),
        egress_addresses=_list(
            _object(
                proxy_path=_one_of(ProxyPath),
                addresses=_list(_object(address=TEXT, since=TIME, seen_at=TIME)),
                failure=_optional(TEXT),
                checked_at=TIME,
                changes=COUNT,
            )
        ),
        discovery=_object(
            chains=_list(
                _object(
                    chain=TEXT,
                    ok=FLAG,
                    tried_at=_optional(TIME),
                    reached_at=_optional(TIME),
                    broken=_optional(_BROKEN),
                )
            ),
            unlisted_hosts=_list(
                _object(
                    host=TEXT,
                    port=COUNT,
                    protocol=_one_of(Protocol),
                    redirected_by=_list(TEXT),
                    first_seen=TIME,
                    last_seen=TIME,
                    refused=_optional(TEXT),
                )
            ),
        ),
        redundant_groups=_list(
            _object(
                name=TEXT,
                state=STATE,
                since=TIME,
                alternatives=_list(_object(name=TEXT, state=STATE, targets=_list(TEXT))),
            )
        ),
        targets=_list(_ref("Target")),
    ),
    "TargetDetails": _extended(_TARGET, version=COUNT, probe_result=_optional(_PROBE_RESULT)),
    "History": _object(
        version=COUNT,
        generated_at=TIME,
        id=TEXT,
        slot_seconds=SECONDS,
        uptime=_optional(NUMBER),
        slots={**_list(_SLOT), "maxItems": DAY.count},
    ),
    "Incidents": _object(
        version=COUNT,
        generated_at=TIME,
        incidents=_list(_ref("Incident")),
        past=_list(_ref("PastIncident")),
    ),
    "IncidentDetails": _extended(
        _PAST,
        version=COUNT,
        title=TEXT,
        impact=TEXT,
        timeline=_list(_object(at=_optional(TIME), text=TEXT)),
        confirm=TEXT,
        commands=_list(TEXT),
        contact=TEXT,
        contact_reason=TEXT,
        ticket=TEXT,
        runbook=TEXT,
        evidence_in_words=_list(_object(name=TEXT, value=TEXT)),
    ),
    "Gateways": _object(version=COUNT, generated_at=TIME, gateways=_list(_ref("Gateway"))),
    "ProbeRequested": _object(version=COUNT, id=TEXT, outcome=_one_of(ProbeRequest)),
    "Error": _object(version=COUNT, error=TEXT),
}


def _response(description: str, name: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref(name)}},
    }


def _get(summary: str, name: str, *, found: bool = False, extra: tuple[Schema, ...] = ()) -> Schema:
    responses: Schema = {"200": _response(summary, name)}
    parameters: list[object] = [*extra]
    if found:
        responses["404"] = _response("It does not exist", "Error")
        parameters.insert(0, _ID)
    operation: Schema = {"summary": summary, "responses": responses}
    return {"get": operation | ({"parameters": parameters} if parameters else {})}


_ID: Schema = {"name": "id", "in": "path", "required": True, "schema": TEXT}
_RANGE: Schema = {
    "name": "range",
    "in": "query",
    "schema": {"type": "string", "enum": ["1h", "24h", "7d"], "default": "24h"},
}
_PROBE: Schema = {
    "post": {
        "summary": "Probe a configured target now, within the limits of probing. Only with "
        "authentication enabled, and from the same origin",
        "parameters": [_ID],
        "responses": {
            "202": _response("The probe starts, or one is in progress", "ProbeRequested"),
            "403": _response("Authentication is not enabled, or another origin", "Error"),
            "404": _response("It does not exist", "Error"),
            "409": _response("A value of the target is missing", "ProbeRequested"),
            "429": _response("Too soon after the last probe", "ProbeRequested"),
        },
    }
}

PATHS: dict[str, Schema] = {
    "/api/v1/targets": _get("All targets", "Targets"),
    "/api/v1/targets/{id}": _get("One target with its last probe", "TargetDetails", found=True),
    "/api/v1/targets/{id}/history": _get(
        "States and latencies of one target", "History", found=True, extra=(_RANGE,)
    ),
    "/api/v1/targets/{id}/probe": _PROBE,
    "/api/v1/incidents": _get("Open and past incidents", "Incidents"),
    "/api/v1/incidents/{id}": _get(
        "One incident with everything for an engineer on call", "IncidentDetails", found=True
    ),
    "/api/v1/gateways": _get("Gateways and the one that a runner would pick", "Gateways"),
}


def document() -> Schema:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Egress Monitor",
            "version": __version__,
            "description": "Read-only except for requested probes. New fields may be added at any "
            "time; `version` in a document increases if a field changes its meaning.",
        },
        "servers": [{"url": "../.."}],
        "paths": PATHS,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"basic": []}, {"bearer": []}],
    }
