"""One run of a discovery chain, step by step, to its end or to the step that fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from monitor.catalog.chains import Chain
from monitor.catalog.coverage import matches
from monitor.catalog.wildcard_samples import DiscoveryState, is_named
from monitor.discovery.client import Ask
from monitor.discovery.steps import UnusableError, Values, read, request, stood_in
from monitor.model.causes import Cause
from monitor.model.discovery import BrokenStep, ChainState, FoundBy, WildcardSample
from monitor.model.settings import Settings
from monitor.model.target import Target, shown_path
from monitor.net.clock import Clock
from monitor.net.http.request import authority


@dataclass(frozen=True, slots=True)
class RedirectSeen:
    """A redirect: the id of the target that redirects, and the destination (scheme, host and path,
    as in ``HttpFacts.redirect``)."""

    source: str
    url: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one run of a chain. ``wildcard_samples`` are by the id of their row."""

    chain: str
    wildcard_samples: Mapping[str, WildcardSample]
    redirects_seen: tuple[RedirectSeen, ...]
    broken: BrokenStep | None = None


def wanted(chains: Iterable[Chain], rows: Iterable[Target], settings: Settings) -> Iterator[Chain]:
    """Return the chains with a purpose: they serve a probed row whose sample is not configured."""
    if not settings.discovery.enabled:
        return
    probed = {row.id for row in rows if row.endpoint.enabled}
    for chain in chains:
        served = [name for name in chain.serves if name in probed]
        if any(
            not (name in chain.wildcard_samples and is_named(name, settings)) for name in served
        ):
            yield chain


async def walk(chain: Chain, rows: Mapping[str, Target], ask: Ask, clock: Clock) -> Outcome:
    """Run ``chain``. ``rows`` are the targets by id, including disabled ones."""
    values: Values = {}
    asked: list[str] = []
    redirects_seen: list[RedirectSeen] = []
    for step in chain.steps:
        target, headers = request(step, rows[step.ask], values)
        asked.append(f"https://{authority(target.host, target.port, 443)}{shown_path(target)}")
        reply = await ask(target, headers)
        if reply.redirect is not None:
            redirects_seen.append(RedirectSeen(target.id, reply.redirect))
        if reply.answer is None:
            cause = reply.diagnosis.cause or Cause.INTERNAL_ERROR
            broken = _broken(
                chain, asked, cause, reply.diagnosis.detail, reply.diagnosis.remediation
            )
            return Outcome(chain.id, {}, tuple(redirects_seen), broken)
        try:
            values = {**values, **read(step, reply.answer)}
        except UnusableError as error:
            detail = f"{target.host} answers, but {error.detail}."
            broken = _broken(chain, asked, error.cause, detail, _FOLLOW_UP)
            return Outcome(chain.id, {}, tuple(redirects_seen), broken)
    found = _wildcard_samples(chain, rows, values, asked, clock.time())
    broken_end = _uncovered(chain, rows, found, asked)
    covered = {name: s for name, s in found.items() if _covers(rows[name], s)}
    return Outcome(chain.id, covered, tuple(redirects_seen), broken_end)


def merged(found: DiscoveryState, chain: Chain, outcome: Outcome) -> DiscoveryState:
    """Return the state of discovery after one more run of ``chain``. Values that a failed run did
    not find keep their last good sample."""
    broken = {row: step for row, step in found.broken.items() if row not in chain.wildcard_samples}
    if outcome.broken is not None:
        broken |= dict.fromkeys(chain.wildcard_samples, outcome.broken)
    wildcard_samples = {**found.wildcard_samples, **outcome.wildcard_samples}
    return replace(found, wildcard_samples=wildcard_samples, broken=broken)


def state_after(before: ChainState | None, outcome: Outcome, now: float) -> ChainState:
    """Return the state of a chain after a run that ended ``now`` (Unix seconds)."""
    reached = now if outcome.broken is None else before.reached_at if before else None
    return ChainState(outcome.chain, now, reached, outcome.broken)


_FOLLOW_UP = (
    "Check what responds there: the page of a filter, or the service in a new format. Until then "
    "configure a host in [targets] if the one shown does not work."
)


def _broken(
    chain: Chain, asked: list[str], cause: Cause, detail: str, remediation: str
) -> BrokenStep:
    number, steps = len(asked), len(chain.steps)
    return BrokenStep(chain.id, number, steps, asked[-1], cause, detail, remediation)


def _wildcard_samples(
    chain: Chain, rows: Mapping[str, Target], values: Values, asked: list[str], now: float
) -> dict[str, WildcardSample]:
    found = {}
    for name, template in chain.wildcard_samples.items():
        host, path = stood_in(template, values)
        endpoint = rows[name].endpoint
        found[name] = WildcardSample(
            host or endpoint.host,
            path or endpoint.path,
            FoundBy.CHAIN,
            now,
            chain.id,
            tuple(asked),
        )
    return found


def _covers(row: Target, found: WildcardSample) -> bool:
    return matches(row.endpoint.wildcard or "", found.host, found.path)


def _uncovered(
    chain: Chain, rows: Mapping[str, Target], found: Mapping[str, WildcardSample], asked: list[str]
) -> BrokenStep | None:
    """Return the failure of a chain that ends outside the wildcard."""
    for name, wildcard_sample in found.items():
        if not _covers(rows[name], wildcard_sample):
            wildcard = rows[name].endpoint.wildcard
            detail = f"It leads to {wildcard_sample.host}, which {wildcard} does not cover."
            remediation = "Allow that host too: what leads there changed its data host."
            return _broken(chain, asked, Cause.HTTP_PROTOCOL, detail, remediation)
    return None
