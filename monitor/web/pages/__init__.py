"""The status page: HTML rendered on the server, complete without a script. Pure.

Each page is an iterator of pieces, so that the event loop can run in between: rendering thousands
of targets at a stretch would show as latency of the probes. The store is read while the pieces are
made; a change meanwhile is on the next rendering.
"""

from monitor.web.pages.incident import incident_page
from monitor.web.pages.missing import missing_page
from monitor.web.pages.overview import overview_page
from monitor.web.pages.runbook import alert_page, runbook_index, runbook_page
from monitor.web.pages.target import target_page

__all__ = [
    "alert_page",
    "incident_page",
    "missing_page",
    "overview_page",
    "runbook_index",
    "runbook_page",
    "target_page",
]
