"""Some of the lab's cases, one a kind of fault; ``make lab-report`` runs all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.fault import Fault
from tests.lab.faults import BY_NAME
from tests.lab.report import Pace, Runner
from tests.lab.world import world

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

PACE = Pace(interval=3.0, timeout=1.0, after=1.0)
FAULTS = (
    "dns-silent",
    "tcp-8443-dropped",
    "all-egress-dropped",
    "tls-reset-on-name",
    "tls-path-mtu-hole",
    "http-block-page-200",
    "udp-reply-dropped",
    "imds-hop-limit",
)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with world(tmp_path_factory.mktemp("lab")) as lab:
        yield Runner(lab, PACE)


@pytest.mark.parametrize("fault", [BY_NAME[name] for name in FAULTS], ids=FAULTS)
def test_a_fault_is_one_incident_with_its_cause_scope_and_targets_and_is_forgotten(
    runner: Runner, fault: Fault
):
    result = runner.run(fault)
    assert result.right, f"{result.row()}\n{result.incidents}"
