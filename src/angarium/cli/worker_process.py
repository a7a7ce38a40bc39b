"""The program of a worker process of `angarium up --workers`: started by it, not by people.

Its arguments are its name and the number of the inherited socket. It reads the same settings.
"""

import asyncio
import socket
import sys


def main() -> None:
    """Run until the parent stops or ends. The parent reports what is wrong with the settings."""
    from angarium.cli.processes import make_process_logger, run_process
    from angarium.cli.settings import load
    from angarium.contracts.errors import AngariumError
    from angarium.delivery.settings import WorkerSettings
    from angarium.embedded.worker import refuse_to_begin, run_embedded_worker

    name, number = sys.argv[1:]
    connection = socket.socket(fileno=int(number))
    try:
        settings = load(WorkerSettings)
        logger = make_process_logger(name, settings)
    except AngariumError as error:
        asyncio.run(refuse_to_begin(connection, error))
        return
    run_process(lambda stop: run_embedded_worker(connection, settings, name=name, logger=logger, stop=stop), logger)


if __name__ == "__main__":
    main()
