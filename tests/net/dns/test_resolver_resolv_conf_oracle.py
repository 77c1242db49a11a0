"""The resolver asks the questions that Go's resolver asks, by the same resolv.conf."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from random import Random

import pytest

from monitor.model.probe_result import DnsAnswer
from monitor.model.settings import FamilyChoice
from monitor.net.clock import SystemClock
from monitor.net.dns.client import DnsClient, Question, TimeLimit, format_server
from monitor.net.dns.resolver import DnsResolver
from tests.oracles.resolv_conf.inputs import CASES

VERDICTS = json.loads((Path(__file__).parents[2] / "oracles/resolv_conf/verdicts.json").read_text())


class Recorder(DnsClient):
    """Answers every question with one rcode, and records the questions."""

    def __init__(self, rcode: str) -> None:
        super().__init__(SystemClock(), Random(7))
        self.rcode = rcode
        self.asked: list[list[str]] = []

    async def finish(self, question: Question, name: str, limit: TimeLimit) -> DnsAnswer:
        server = format_server(question.server)
        self.asked.append([question.transport, server, name])
        return DnsAnswer(server, question.qtype.name, self.rcode, (), 0.0, name=name)


def test_every_case_has_a_verdict():
    assert set(VERDICTS["verdicts"]) == set(CASES)


@pytest.mark.parametrize("case", CASES)
async def test_the_questions_are_those_of_go(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text, host, rcode = CASES[case]
    monkeypatch.setattr(socket, "gethostname", lambda: "oracle")
    conf = tmp_path / "resolv.conf"
    conf.write_bytes(text.encode())
    resolver = DnsResolver(SystemClock(), Random(7), resolv_conf=conf, hosts_file=None)
    recorder = resolver.client = Recorder(rcode)
    await resolver.resolve(host, families=FamilyChoice.IPV4)
    assert recorder.asked == VERDICTS["verdicts"][case]
