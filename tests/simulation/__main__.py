"""Simulate worlds and print the figures: ``python -m tests.simulation``."""

from __future__ import annotations

import argparse
import time

from tests.simulation.driver import at_time
from tests.simulation.measures import by_model, run_world, summary
from tests.simulation.noise_only import false_incidents


def main() -> None:
    """Run the worlds that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--kind", choices=["total", "partial", "overlapping", "noise"])
    parser.add_argument("--worlds", type=int, default=300)
    parser.add_argument("--hours", type=float, default=100.0, help="of noise, per world")
    parser.add_argument("--seed", type=int, help="run one world and show its story")
    args = parser.parse_args()
    if args.kind == "noise":
        began = time.process_time()
        found = [f for seed in range(args.worlds) for f in false_incidents(seed, args.hours)]
        spent = time.process_time() - began
        print(f"noise: {args.worlds * args.hours:g} hours, {spent:.0f} s of CPU")
        print(f"false incidents       {len(found)}", *found[:20], sep="\n  ")
        return
    if args.seed is not None:
        tell(args.seed, args.kind or "total")
        return
    for kind in [args.kind] if args.kind else ["total", "partial", "overlapping"]:
        began = time.process_time()
        outcomes = [run_world(seed, kind) for seed in range(args.worlds)]
        spent = time.process_time() - began
        print(f"\n{kind}: {args.worlds} worlds, {spent:.0f} s of CPU\n{summary(outcomes)}")
        print("wrong by fault model:", dict(by_model(outcomes)))
        for outcome in outcomes:
            many = outcome.opened > 2 * len(outcome.right)
            if not all(outcome.right) or outcome.late or outcome.contradictions or many:
                print(
                    f"  seed {outcome.seed} {outcome.faults} opened {outcome.opened}, late "
                    f"{outcome.late}: {' | '.join(outcome.notes)[:400]}"
                )


def tell(seed: int, kind: str) -> None:
    """Print what was reported in one world."""
    outcome = run_world(seed, kind, keep=True)
    story = outcome.story
    assert story is not None
    from tests.simulation.measures import START, make_world

    world, faults, _ = make_world(seed, kind)
    print(
        f"interval {world.interval} timeout {world.timeout} proxied {world.proxied} "
        f"vpc {world.vpc_endpoints} loss {world.noise.loss}"
    )
    for fault in faults:
        print(
            f"{fault.describe()} {fault.onset - START:.1f} to {fault.end - START:.1f}, "
            f"{len(fault.affected())} affected"
        )
    told = ""
    for at, incidents in story.snapshots:
        key = " ".join(f"{i.id}{i.scope}{i.state}" for i in incidents)
        if key == told:
            continue
        told = key
        print(
            f"{at - START:7.1f} "
            + (
                " || ".join(
                    f"{i.id[:4]} {i.scope}/{i.cause} {i.state} x{len(i.affected)} {i.detail[:110]}"
                    for i in incidents
                )
                or "-"
            )
        )
    print(outcome.notes, len(at_time(story, 1e12)))


if __name__ == "__main__":
    main()
