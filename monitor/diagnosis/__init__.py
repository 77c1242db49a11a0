"""Says why: an attempt has one cause, and many failing targets have few incidents."""

from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.correlate import correlate
from monitor.diagnosis.settle import settle
from monitor.diagnosis.standing import Standing

__all__ = ["Standing", "correlate", "diagnose", "settle"]
