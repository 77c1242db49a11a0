"""Alerting rules about egress, and about the monitors themselves."""

from __future__ import annotations

from alerts.rule import ID, PAGE, WHERE, Alert, Severity

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING

_DOWN_INCIDENT = f'max by ({ID}, cause, scope) (egress_incident_active{{state="down"}})'
_ANY_INCIDENT = f"max by ({ID}, cause, scope) (last_over_time(egress_incident_active[5m]))"
_HERE = "instance:egress_required_targets_down_here:count > 0"
_DOWN = "instance:egress_required_targets_down:count > 0"


_EVERYWHERE = {"explains": "endpoint_down_everywhere"}

_SOME_MONITOR = (
    "{{ with query (printf \"egress_target_info{host='%s'}\" $labels.host) }}{{ with . | first }}"
    "{{ if .Labels.monitor_url }}{{ .Labels.monitor_url }}"
    "{{ else }}http://{{ .Labels.instance }}{{ end }}"
)
_LAST_MONITOR = (
    '{{ with query "max_over_time(egress_build_info[1d])" }}{{ with . | first }}'
    "{{ if .Labels.monitor_url }}{{ .Labels.monitor_url }}"
    "{{ else }}http://{{ .Labels.instance }}{{ end }}"
)
_END = "{{ end }}{{ end }}"


def _burning(long: str, short: str, times: float, seconds: int) -> str:
    """Return a condition of two burn rates, with a minimum of data and of failing time."""
    errors = "instance_group:egress_required_errors:ratio_rate"
    return f"""(
  {errors}{long} > {times} * 0.001
  and {errors}{short} > {times} * 0.001
  and instance_group:egress_required_failing:seconds{long} >= {seconds}
  and instance_group:egress_required_covered:count{long} > 0
)"""


EGRESS: tuple[Alert, ...] = (
    Alert(
        "EgressIncident",
        CRITICAL,
        f"""(
  {_DOWN_INCIDENT}
  and on ({ID}) {_HERE}
)
or
label_replace(
  {_DOWN_INCIDENT}
  and on ({ID}) {_DOWN}
  unless on ({ID}) {_HERE},
  "explained_by", "endpoint_down_everywhere", "", ""
)
""",
        summary=f"Egress of {WHERE} is broken: {{{{ $labels.cause }}}} "
        "(scope {{ $labels.scope }})",
        description="Something that a runner needs does not work. The monitor's page and "
        "/api/v1/incidents have the sentence, the evidence and the remediation.",
        hold="30s",
        keep="2m",
        runbook=f"{PAGE}/runbook/{{{{ $labels.cause }}}}",
    ),
    Alert(
        "EgressEndpointDownEverywhere",
        CRITICAL,
        """host:egress_down_everywhere:ratio{redundant_group=""}
or
(
  host:egress_down_everywhere:ratio{redundant_group!=""}
  and on (job, redundant_group) redundant_group:egress_down_everywhere:ratio
)
""",
        summary="{{ $labels.host }}:{{ $labels.port }} fails for {{ $value | humanizePercentage }} "
        "of the monitors",
        description="The same endpoint is down for most runners, whose other egress works: check "
        "the provider's status page first, then egress that these runners share. The incidents "
        "at single monitors that this explains are inhibited.",
        hold="1m",
        keep="2m",
        page=f"{_SOME_MONITOR}/targets/{{{{ .Labels.target }}}}{_END}",
        runbook=f"{_SOME_MONITOR}/runbook/EgressEndpointDownEverywhere{_END}",
        labels=_EVERYWHERE,
    ),
    Alert(
        "EgressAlternativeDownEverywhere",
        WARNING,
        """host:egress_down_everywhere:ratio{redundant_group!=""}
unless on (job, redundant_group) redundant_group:egress_down_everywhere:ratio
""",
        summary="{{ $labels.host }}:{{ $labels.port }}, one of {{ $labels.redundant_group }}, "
        "fails for {{ $value | humanizePercentage }} of the monitors",
        description="An alternative of it works, so runners go on without redundancy. The same "
        "endpoint is down for most of them: check the provider's status page first.",
        hold="5m",
        keep="2m",
        page=f"{_SOME_MONITOR}/targets/{{{{ .Labels.target }}}}{_END}",
        runbook=f"{_SOME_MONITOR}/runbook/EgressAlternativeDownEverywhere{_END}",
        labels=_EVERYWHERE,
    ),
    Alert(
        "EgressDegraded",
        WARNING,
        f"""(
  {_ANY_INCIDENT}
  unless on ({ID}) ({_DOWN} unless on ({ID}) {_HERE})
  unless on ({ID}, cause, scope) ALERTS{{alertname="EgressIncident"}}
)
or
label_replace(
  {_ANY_INCIDENT}
  and on ({ID}) ({_DOWN} unless on ({ID}) {_HERE})
  unless on ({ID}, cause, scope) ALERTS{{alertname="EgressIncident"}},
  "explained_by", "endpoint_down_everywhere", "", ""
)
""",
        summary=f"Egress of {WHERE} is degraded: {{{{ $labels.cause }}}} "
        "(scope {{ $labels.scope }})",
        description="What a runner needs still works, but redundancy or speed is lost, or an "
        "endpoint that is not required is down.",
        hold="15m",
        keep="5m",
        runbook=f"{PAGE}/runbook/{{{{ $labels.cause }}}}",
    ),
    # Multi-window burn rates of an objective of 99.9 % in 30 days (Site Reliability Workbook,
    # "Alerting on SLOs"): 14.4 times too fast spends 2 % of the budget in an hour, 6 times 5 %
    # in six hours, at once 10 % in three days. They show what comes and goes too shortly or too
    # often to be one incident.
    Alert(
        "EgressBudgetBurnFast",
        CRITICAL,
        f"{_burning('1h', '5m', 14.4, 120)}\nor\n{_burning('6h', '30m', 6, 240)}\n",
        summary=f"{{{{ $value | humanizePercentage }}}} of what {WHERE} needs of "
        "{{ $labels.group }} fails",
        description="At this rate the month's error budget of 99.9 % is spent within days. Check "
        "the group's targets: one that flaps, or several short outages.",
        hold="2m",
    ),
    Alert(
        "EgressBudgetBurnSlow",
        WARNING,
        """instance_group:egress_required_errors:ratio_rate3d > 0.001
and instance_group:egress_required_errors:ratio_rate6h > 0.001
and instance_group:egress_required_covered:count3d > 0
""",
        summary=f"{{{{ $labels.group }}}} fails for {WHERE} more often than its objective allows",
        description="{{ $value | humanizePercentage }} of its probes failed in three days.",
        hold="1h",
    ),
    Alert(
        "EgressUnlistedRedirect",
        WARNING,
        f"max by ({ID}) (last_over_time(egress_unlisted_redirect_hosts[10m])) > 0\n",
        summary=f"Endpoints lead {WHERE} to {{{{ $value }}}} hosts that are on no list",
        description="A strict firewall would block them. The page, `egress-monitor check` and "
        "/api/v1/targets (group redirects) name the hosts and the endpoints that lead there.",
        hold="1h",
    ),
    Alert(
        "EgressNoProxyIncomplete",
        WARNING,
        f"count by ({ID}) (last_over_time(egress_no_proxy_missing[10m]) == 1) > 0\n",
        summary=f"NO_PROXY of {WHERE} lacks {{{{ $value }}}} entries that it needs",
        description="The runner sends requests to the proxy that have to go directly; "
        "`egress-monitor validate` names each missing entry.",
        hold="15m",
    ),
    # The chain that clients verify decides; what is sent counts if none was verified. The date of
    # an expiry does not flap: it is read over the gaps in which the endpoint could not be reached.
    Alert(
        "EgressCertificateExpiry",
        WARNING,
        f"""min by ({ID}, host) (
  (
    (
      max by ({ID}, target) (
        last_over_time(probe_ssl_last_chain_expiry_timestamp_seconds[6h])
      )
      or
      max by ({ID}, target) (last_over_time(probe_ssl_earliest_cert_expiry[6h]))
    )
    - time()
  )
  * on ({ID}, target) group_left (host)
    topk by ({ID}, target) (
      1, max by ({ID}, target, host) (last_over_time(egress_target_info[1h]))
    )
) < 14 * 86400
""",
        summary="The certificate of {{ $labels.host }} expires in {{ $value | humanizeDuration }}",
        description=f"A certificate of the chain that {WHERE} verifies for "
        "{{ $labels.host }} expires soon. The endpoint's owner, or the owner of a proxy that "
        "intercepts TLS, has to renew it.",
        hold="1h",
        runbook=f"{PAGE}/runbook/tls_expired",
    ),
)

ITSELF: tuple[Alert, ...] = (
    Alert(
        "EgressMonitorAbsent",
        CRITICAL,
        "absent(last_over_time(egress_build_info[10m]))\n",
        summary="No egress monitor reports at all",
        description="Neither a scrape nor a remote write brought a sample of any monitor for ten "
        "minutes: whether egress works is not known. Check the scrape "
        '(up{job="egress-monitor"}), the receiver of remote writes, then the tasks that run '
        "the monitors.",
        hold="1m",
        page=f"{_LAST_MONITOR}/{_END}",
        runbook=f"{_LAST_MONITOR}/runbook/EgressMonitorAbsent{_END}",
    ),
    # egress_monitor_expected is the list that the deployment writes.
    Alert(
        "EgressMonitorMissing",
        CRITICAL,
        f"""max by ({ID}) (egress_monitor_expected)
unless on (job, instance)
  last_over_time(egress_build_info[10m])
""",
        summary=f"The egress monitor {WHERE} has not reported for ten minutes",
        description="It is on the deployment's list. Either its task does not run, or its subnet "
        "lost all egress, the way to the metrics included: the worst outage there is. If it writes "
        "remotely it keeps its samples, and they arrive once that way works again.",
        hold="1m",
    ),
    # Without a list: fewer monitors report from a place than at most times of the last day. A task
    # that was replaced counts once, whatever its instance is called.
    Alert(
        "EgressMonitorGone",
        CRITICAL,
        """(
  max by (job, runner_id, account_id, region) (
    quantile_over_time(0.5, place:egress_monitors_reporting:count[1d])
  )
  unless on (job) egress_monitor_expected
  and on (job, runner_id, account_id, region)
    count_over_time(place:egress_monitors_reporting:count[1d:5m]) >= 6
)
> on (job, runner_id, account_id, region)
(
  max by (job, runner_id, account_id, region) (place:egress_monitors_reporting:count)
  or
  0 * max by (job, runner_id, account_id, region) (
    quantile_over_time(0.5, place:egress_monitors_reporting:count[1d])
  )
)
""",
        summary="An egress monitor{{ if $labels.runner_id }} of runner {{ $labels.runner_id }} "
        "(account {{ $labels.account_id }}, {{ $labels.region }}){{ end }} no longer reports",
        description="Fewer monitors report from there than usual ({{ $value }}). Either a task "
        "does not run, or a subnet lost all egress, the way to the metrics included. A list of "
        "expected monitors (docs/alerts.md) would name the instance.",
        hold="5m",
        page='{{ with query "max_over_time(egress_build_info[1d]) unless '
        'last_over_time(egress_build_info[10m])" }}{{ with . | first }}'
        "{{ if .Labels.monitor_url }}{{ .Labels.monitor_url }}{{ else }}http://"
        "{{ .Labels.instance }}{{ end }}/{{ end }}{{ end }}",
        runbook='{{ with query "last_over_time(egress_build_info[10m])" }}{{ with . | first }}'
        "{{ if .Labels.monitor_url }}{{ .Labels.monitor_url }}{{ else }}http://"
        "{{ .Labels.instance }}{{ end }}/runbook/EgressMonitorGone{{ end }}{{ end }}",
    ),
    # By change, not by age: neither late samples nor a clock that differs matter.
    Alert(
        "EgressMonitorStalled",
        CRITICAL,
        f"""max by ({ID}) (changes(egress_last_completed_timestamp_seconds[5m])) == 0
and
max by ({ID}) (count_over_time(egress_last_completed_timestamp_seconds[5m])) >= 4
""",
        summary=f"The egress monitor {WHERE} reports, but finishes no probes",
        description="No probe was finished for five minutes. Its states are old.",
        hold="2m",
    ),
    Alert(
        "EgressMonitorLagging",
        WARNING,
        f"""histogram_quantile(
  0.99, sum by ({ID}, le) (rate(egress_loop_lag_seconds_bucket[10m]))
) > 0.25
""",
        summary=f"The egress monitor {WHERE} has too little CPU",
        description="Its event loop runs {{ $value | humanizeDuration }} late: durations of phases "
        "can't be trusted, round trips (the kernel's) can. Give the container more CPU.",
        hold="15m",
    ),
    Alert(
        "EgressMonitorPartDegraded",
        WARNING,
        f"max by ({ID}, part) (last_over_time(egress_part_degraded[5m])) == 1\n",
        summary=f"{{{{ $labels.part }}}} of the egress monitor {WHERE} does not work",
        description="The monitor retries it and goes on probing. /healthz and the log have the "
        "reason.",
        hold="10m",
    ),
    # A series begins with its first error, so the increase is computed against nothing, too.
    Alert(
        "EgressMonitorInternalErrors",
        WARNING,
        f"""max by ({ID}, part) (
  last_over_time(egress_internal_errors_total[5m])
  - (
    last_over_time(egress_internal_errors_total[5m] offset 1h)
    or 0 * last_over_time(egress_internal_errors_total[5m])
  )
) > 0
""",
        summary=f"The egress monitor {WHERE} caught {{{{ $value }}}} internal errors "
        "({{ $labels.part }})",
        description="A bug of Egress Monitor, or a dependency that behaves unexpectedly. Probing "
        "goes on. The log has the traceback: report it.",
    ),
    Alert(
        "EgressMonitorConfigRejected",
        WARNING,
        f"max by ({ID}) (last_over_time(egress_config_last_reload_successful[5m])) == 0\n",
        summary=f"The egress monitor {WHERE} rejects its new configuration",
        description="It goes on with the old one and logs each mistake with its fix; "
        "`egress-monitor validate` prints them too.",
        hold="5m",
    ),
    Alert(
        "EgressTargetsUnknown",
        WARNING,
        f"""sum by ({ID}) (last_over_time(egress_targets{{state="unknown"}}[5m])) > 0
""",
        summary=f"{{{{ $value }}}} targets of the egress monitor {WHERE} can't be probed",
        description="The region or the account in their names is not known. Set region and "
        "account_id in config.toml, or make instance metadata reachable.",
        hold="30m",
    ),
    # Both times are of the monitor's clock.
    Alert(
        "EgressRemoteWriteBehind",
        WARNING,
        f"""max by ({ID}, destination) (
  max by ({ID}) (egress_last_completed_timestamp_seconds)
  - on ({ID}) group_right ()
    max by ({ID}, destination) (egress_remote_write_oldest_pending_timestamp_seconds)
) > 300
""",
        summary=f"{WHERE} is {{{{ $value | humanizeDuration }}}} behind with its samples for "
        "{{ $labels.destination }}",
        description="They wait in its queue and are sent once the receiver accepts them. Its log "
        "has the receiver's answer.",
        hold="5m",
    ),
    Alert(
        "EgressRemoteWriteLosing",
        CRITICAL,
        f"""sum by ({ID}, destination, reason) (
  increase(egress_remote_write_samples_dropped_total[30m])
) > 0
""",
        summary=f"{WHERE} loses samples for {{{{ $labels.destination }}}} "
        "({{ $labels.reason }})",
        description="{{ $value | humanize }} samples in half an hour. See what the reason means.",
    ),
    Alert(
        "EgressMqttDisconnected",
        WARNING,
        f"max by ({ID}) (last_over_time(egress_mqtt_connected[5m])) == 0\n",
        summary=f"The egress monitor {WHERE} does not reach its MQTT broker",
        description="Events are kept and sent in order once it is back. The log has the broker's "
        "reason.",
        hold="10m",
    ),
    Alert(
        "EgressMqttRefused",
        WARNING,
        f"""min by ({ID}) (min_over_time(egress_mqtt_events_pending[10m])) > 0
and on ({ID})
  sum by ({ID}) (increase(egress_mqtt_refused_total[10m])) > 0
""",
        summary=f"The MQTT broker refuses events of the egress monitor {WHERE}",
        description="{{ $value }} events wait until the broker accepts them. The log has its "
        "reason code and the topics: in most cases the client may not publish there.",
        hold="5m",
    ),
    Alert(
        "EgressMqttLosing",
        WARNING,
        f"sum by ({ID}, reason) (increase(egress_mqtt_events_dropped_total[30m])) > 0\n",
        summary=f"{WHERE} loses MQTT events ({{{{ $labels.reason }}}})",
        description="{{ $value | humanize }} events in half an hour. See what the reason means.",
    ),
)
