"""The runbook of the alerts: when each fires and what to do, as Markdown.

The rules of ``deploy/prometheus`` link to these entries on the monitor's own page; ``make alerts``
writes them into docs/alerts.md, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """One alert: the condition in a few words, and what to do, in Markdown paragraphs."""

    fires: str
    text: str


ALERTS: Mapping[str, AlertEntry] = {
    "EgressIncident": AlertEntry(
        "something that a runner needs is down",
        """\
Read the alert's `cause` and `scope`, then the monitor's page or `curl
MONITOR:9242/api/v1/incidents`: it has the sentence, the evidence and the remediation.
[causes.md](causes.md) has one section per cause with the commands that confirm it by hand. The
scope shows whom to ask: `host` and `all_egress` belong to this subnet, `resolver`, `proxy`,
`port`, `path`, `address_family` and `tls_interception` to the network team, `region` to AWS, and
`group` and `endpoint` may be the provider's own problem.

`explained_by="endpoint_down_everywhere"` means that all that is down here is down for most
runners: EgressEndpointDownEverywhere inhibits the alert then.""",
    ),
    "EgressEndpointDownEverywhere": AlertEntry(
        "the same endpoint is down for most runners",
        """\
At least three monitors, and more than half of those that probe this endpoint, find it down
while most of their other egress works. Check the provider's status page first. If the
provider reports nothing, look for egress that the runners share: a transit gateway with one
inspection VPC, one firewall policy, one proxy. The incidents of single monitors that this
explains are inhibited.""",
    ),
    "EgressAlternativeDownEverywhere": AlertEntry(
        "one alternative of a redundant group is down for most runners",
        """\
The same as EgressEndpointDownEverywhere for one gateway (or another alternative) while another
one works: runners go on without redundancy. Check the provider's status page.""",
    ),
    "EgressDegraded": AlertEntry(
        "redundancy or speed is lost, or something optional is down",
        """\
What a runner needs still works. One gateway of two is down, something is slow, flaps or loses
packets, one address of several does not answer, or an endpoint that is not required is down.""",
    ),
    "EgressBudgetBurnFast": AlertEntry(
        "what is needed of a group fails far more often than 99.9 % allow",
        """\
What a runner needs of one group has failed so often that the month's error budget of 99.9 % is
gone within days, though no single outage may be open now: look for a target of the group that
flaps, or for several short incidents on the page. Of a redundant group (the gateways) only the
time counts in which none of its alternatives worked.

The alert needs a minimum of data: data that is three quarters of the window old (45 minutes, or
4.5 hours), and two minutes (in one hour) or four minutes (in six hours) of failing time, all
targets together. So it stays quiet after a start and after one failed probe. An open incident
inhibits it.""",
    ),
    "EgressBudgetBurnSlow": AlertEntry(
        "the same, over three days",
        """\
Not urgent: read the target's dashboard and talk to the endpoint's owner. It needs data that
is 54 hours old.""",
    ),
    "EgressUnlistedRedirect": AlertEntry(
        "endpoints lead to hosts that are on no list",
        """\
An endpoint that is on the list redirects to a host that is not. Add that host to the firewall's
list, or a runner's request ends there; [discovery.md](discovery.md) describes how such hosts
are found.""",
    ),
    "EgressNoProxyIncomplete": AlertEntry(
        "NO_PROXY lacks what a runner needs",
        """\
See [proxy.md](proxy.md): each entry that a runner's NO_PROXY needs, and what goes wrong without
it.""",
    ),
    "EgressCertificateExpiry": AlertEntry(
        "a certificate expires within 14 days",
        """\
Of the chain that clients verify, a certificate expires soon; a certificate that the server
sends and no verification uses does not count. If no chain was verified, the earliest of those
that were sent counts. Public endpoints renew theirs long before; if one does not, check the
issuer on the target's page: it may be the certificate of a proxy that intercepts TLS. The date
is remembered for six hours, so an endpoint that is down now and then does not reset the alert.""",
    ),
    "EgressMonitorAbsent": AlertEntry(
        "no monitor reports at all",
        """\
No sample of any monitor has come for ten minutes: check the scrape
(`up{job="egress-monitor"}`), the receiver of remote writes, then the tasks that run the
monitors. It inhibits EgressMonitorMissing and EgressMonitorGone.""",
    ),
    "EgressMonitorMissing": AlertEntry(
        "a monitor of the deployment's list has not reported for ten minutes",
        """\
Is its task running? If it is and writes remotely, its subnet may have lost all egress, the way
to the receiver included: the worst outage there is. Its samples arrive later, with the times
they were measured, and show what broke. If the monitor was removed on purpose, the deployment
removes it from the list.""",
    ),
    "EgressMonitorGone": AlertEntry(
        "without such a list: fewer monitors than usual report from a runner",
        """\
Fewer monitors report from this runner, account and region than at most times of the last 24
hours, so a task that was replaced does not fire it, whatever its instance is called. It fires
for about twelve hours: then the lower number is the usual one. A list of expected monitors
replaces this alert by EgressMonitorMissing, which names the instance and stays.""",
    ),
    "EgressMonitorStalled": AlertEntry(
        "a monitor reports but finishes no probes",
        """\
The process answers but probes nothing, which is a bug of Egress Monitor: keep its log, restart
it. `/healthz` reports the same, so that an orchestrator restarts it by itself. The alert looks
at whether the time of the last probe changes, not at how old it is: late samples and other
clocks don't matter.""",
    ),
    "EgressMonitorLagging": AlertEntry(
        "a monitor has too little CPU to measure times",
        """\
The event loop is kept from running, in most cases by too little CPU: raise the container's
share, or probe less often. States stay right; durations of phases come out too long, round
trips by the kernel's clock do not.""",
    ),
    "EgressMonitorPartDegraded": AlertEntry(
        "a part of a monitor does not work and is retried",
        """\
The label `part` names it (the page, a state file, metadata, …). `/healthz` and the log have the
reason. Probing goes on.""",
    ),
    "EgressMonitorInternalErrors": AlertEntry(
        "a monitor caught an error of its own within the last hour",
        """\
An exception in the part that the label `part` names was caught, so probing goes on. It is a bug of
Egress Monitor, or a dependency behaves unexpectedly: report the traceback in the log.""",
    ),
    "EgressMonitorConfigRejected": AlertEntry(
        "a new configuration is wrong",
        """\
The monitor reloaded its configuration and found mistakes. Its log names each with its fix, and
so does `egress-monitor validate`. The old configuration stays in force.""",
    ),
    "EgressTargetsUnknown": AlertEntry(
        "targets wait for a region or account",
        """\
Names of AWS APIs contain the region and the account, and they are not known: set `region` and
`account_id` in config.toml, or see why instance or task metadata is not reached
([aws.md](aws.md)).""",
    ),
    "EgressRemoteWriteBehind": AlertEntry(
        "samples have waited for five minutes",
        """\
Nothing is lost yet: the samples are in the queue, with the times they were measured. If other
egress of the same monitor is broken too, that is the reason. See
[remote-write.md](remote-write.md). Both times that are compared are of the monitor's clock.""",
    ),
    "EgressRemoteWriteLosing": AlertEntry(
        "samples are lost for good",
        """\
The reason is in the label; [remote-write.md](remote-write.md) lists what each one means and
what to change: a larger queue, a receiver that accepts older samples, a disk that can be
written.""",
    ),
    "EgressMqttDisconnected": AlertEntry(
        "the MQTT broker is not reached",
        """\
Events wait and are published in order once the broker is back, up to the bounds in
[mqtt.md](mqtt.md).""",
    ),
    "EgressMqttRefused": AlertEntry(
        "the MQTT broker refuses events",
        """\
The broker is connected and answers with a reason code of 0x80 or above. The log has the code
and the topics; not authorized (0x87) means that the client may not publish there. The events
are kept and sent again ([mqtt.md](mqtt.md)).""",
    ),
    "EgressMqttLosing": AlertEntry(
        "MQTT events are lost",
        """\
The label `reason` is `queue_full` (the broker was away for too long: raise `max_pending`),
`oversize` or `refused` (the broker does not accept that event, see its log) or `corrupt` (the
file of waiting events was damaged).""",
    ),
}
