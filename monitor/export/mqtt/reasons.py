"""Reason codes of MQTT: their texts, what they mean for a message, and remediations. Pure.

MQTT 5.0 section 2.4 lists the codes; MQTT 3.1.1 has six of CONNACK only, which paho maps to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from monitor.common.redact import redact
from monitor.common.sanitize import sanitize

TEXT_LIMIT = 200
"""Characters of a broker's text that are shown."""


class Code(IntEnum):
    """The reason codes that decide something here."""

    UNSPECIFIED = 0x80
    IMPLEMENTATION_SPECIFIC = 0x83
    UNSUPPORTED_VERSION = 0x84
    CLIENT_ID_INVALID = 0x85
    BAD_CREDENTIALS = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_BUSY = 0x89
    SHUTTING_DOWN = 0x8B
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_NAME_INVALID = 0x90
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    PAYLOAD_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B


FAILURE = 0x80
"""The smallest code that is a failure; 0x10 (no matching subscribers) is none."""

UNSPECIFIC = frozenset({Code.UNSPECIFIED, Code.IMPLEMENTATION_SPECIFIC})
"""Codes that leave open whether they are about the message or about the topic."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A broker's answer: the code, the standard's name for it, and what the broker adds."""

    code: int
    name: str
    added: str = ""

    @property
    def is_failure(self) -> bool:
        return self.code >= FAILURE

    def __str__(self) -> str:
        """Return the reason as the log shows it: ``not authorized (0x87)``."""
        shown = f"{self.name.lower()} (0x{self.code:02x})"
        repeated = self.added.lower() in {"", self.name.lower()}
        return shown if repeated else f"{shown}: {self.added}"


def added_text(text: str) -> str:
    """Return what a broker adds to a reason code, fit for the log and without secrets."""
    return sanitize(redact(text), TEXT_LIMIT)


_TOPICS = "allow this client to publish, also retained messages, below the topics {topics}"
_REMEDIATIONS = {
    Code.UNSUPPORTED_VERSION: 'set mqtt.version = "3.1.1"',
    Code.CLIENT_ID_INVALID: "set an mqtt.client_id that the broker accepts",
    Code.BAD_CREDENTIALS: "check mqtt.username and the content of mqtt.password_file",
    Code.SESSION_TAKEN_OVER: "give each monitor its own mqtt.client_id",
    Code.TOPIC_NAME_INVALID: "set an mqtt.topic_prefix that the broker accepts",
    Code.PACKET_TOO_LARGE: "raise the broker's limit of the packet size",
    Code.QUOTA_EXCEEDED: "raise the broker's quota for this client",
    Code.RETAIN_NOT_SUPPORTED: "let the broker retain messages",
}


def remediation(code: int | None, topics: str, *, connected: bool) -> str:
    """Return what to do about a reason code; "" if the code implies nothing.
    ``connected``: the broker had accepted the connection."""
    if code == Code.NOT_AUTHORIZED:
        return (
            _TOPICS.format(topics=topics)
            if connected
            else "check mqtt.username, mqtt.password_file and the client certificate"
        )
    return _REMEDIATIONS.get(Code(code), "") if code in set(Code) else ""
