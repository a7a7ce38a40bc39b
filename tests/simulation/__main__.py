"""`python -m tests.simulation`: run seeds, or show one."""

import argparse
import sys
import time

from tests.simulation.world import Simulator


def main() -> int:
    """Run the requested seeds. Return 1 if a guarantee was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trace", action="store_true", help="print every step")
    asked = parser.parse_args()
    simulator, begun, broken, virtual = Simulator(), time.process_time(), 0, 0.0
    for seed in range(asked.first, asked.first + asked.seeds):
        run = simulator.run(seed)
        virtual += run.ended_at
        if asked.trace:
            sys.stdout.write("\n".join((*run.trace, "")))
        if run.violations:
            broken += 1
            sys.stdout.write(f"seed {seed}: {run.violations[0]}\n")
    seconds = time.process_time() - begun
    sys.stdout.write(
        f"{asked.seeds} seeds, {broken} with a violation; {virtual / 3600:.1f} h of virtual time"
        f" in {seconds:.1f} s of CPU\n"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
