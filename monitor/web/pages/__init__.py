"""The status page: HTML made on the server, whole without a script. Pure.

Each page is an iterator of its pieces, so that who sends it can let the event loop run in
between: thousands of targets written at a stretch would show up as latency of the probes. The
board is read as the pieces are made; what changes meanwhile is on the next rendering.
"""

from monitor.web.pages.incident import incident_page
from monitor.web.pages.missing import missing_page
from monitor.web.pages.overview import overview_page
from monitor.web.pages.target import target_page

__all__ = ["incident_page", "missing_page", "overview_page", "target_page"]
