"""``serve``: the files of courses over HTTP."""

from __future__ import annotations

import json as json_text
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modulestore import connect_async
from modulestore.cli.settings import Json, Settings
from modulestore.errors import InvalidInput

if TYPE_CHECKING:
    from modulestore.origin.server import Serve

__all__ = ["serve"]


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8000,
    cdn_age: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="How long caches may keep a file that was asked for without its digest.",
        ),
    ] = 300,
    accel_prefix: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Let a web server in front send files that lie in an object storage: where it has them.",
        ),
    ] = None,
    redirect_seconds: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Send clients to the object storage for such files, with URLs that are good for so long.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Serve the files of courses over HTTP, as the origin of a CDN or behind a web server.

    Locked files are refused: who may read them is for a program to say that has the origin in it. Says where
    it listens, and writes a line for every request to standard error. Ends with SIGINT or SIGTERM.

    Examples:
        modulestore serve
        modulestore serve --host 0.0.0.0 --port 80 --cdn-age 3600
    """
    # Only now: it need not be installed by who does not serve.
    from modulestore.origin import origin
    from modulestore.origin.server import address_of, listen, log_to, run

    settings: Settings = context.obj
    if accel_prefix is not None and redirect_seconds is not None:
        raise InvalidInput(
            "objects are sent by the server in front or by their storage", hint="give one of the two"
        )
    if accel_prefix is not None and settings.objects is None:
        raise InvalidInput(
            "it is not known which objects the server in front has",
            hint="say where: modulestore --objects URL",
        )
    listening = listen(host, port)
    address = address_of(listening)

    async def main(serve: Serve) -> None:
        async with await connect_async(
            settings.url,
            must_exist=True,
            objects=settings.objects,
            observe=settings.observer(settings.url),
        ) as store:
            if json:
                print(json_text.dumps({"url": address}), flush=True)
            else:
                print(f"listening on {address}", flush=True)
            await serve(
                origin(
                    store.assets,
                    max_age=cdn_age,
                    accel_prefix=accel_prefix,
                    redirect_seconds=redirect_seconds,
                )
            )

    log_to(logging.StreamHandler(sys.stderr))
    with listening:
        run(main, listening)
