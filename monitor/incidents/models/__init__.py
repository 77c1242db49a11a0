"""Fault models in use. A model from outside is added here."""

from monitor.incidents.fault_model import FaultModel
from monitor.incidents.models.clock import HostClock
from monitor.incidents.models.degraded import (
    FlakyGroup,
    FlakyPath,
    FlakyPort,
    FlakyProxy,
    FlakyRegion,
    FlakyResolver,
    SlowEgress,
    SlowGroup,
    SlowPort,
    SlowProxy,
    SlowRegion,
)
from monitor.incidents.models.egress import AddressFamily, AllEgress, Port, PublicEgress
from monitor.incidents.models.host import HostResources, Interception, TrustStore
from monitor.incidents.models.names import NameServer, Resolver, Sinkhole, Zone
from monitor.incidents.models.service import (
    EndpointFault,
    FlakyEndpoint,
    Group,
    Portal,
    Proxy,
    Region,
)
from monitor.incidents.models.tls_path import DenyList, HelloPath

MODELS: tuple[FaultModel, ...] = (
    HostResources(),
    HostClock(),
    TrustStore(),
    AllEgress(),
    PublicEgress(),
    AddressFamily(),
    Resolver(),
    NameServer(),
    Zone(),
    Sinkhole(),
    Proxy(),
    Interception(),
    HelloPath(),
    DenyList(),
    Portal(),
    Port(),
    Region(),
    Group(),
    SlowEgress(),
    SlowProxy(),
    SlowPort(),
    SlowRegion(),
    SlowGroup(),
    FlakyPath(),
    FlakyProxy(),
    FlakyPort(),
    FlakyResolver(),
    FlakyRegion(),
    FlakyGroup(),
    FlakyEndpoint(),
    EndpointFault(),
)
BY_NAME = {model.name: model for model in MODELS}
assert len(BY_NAME) == len(MODELS), "two fault models have one name"
