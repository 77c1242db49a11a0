"""EC2 on loopback: moto's server, and one of our own for answers that moto can't give."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from tests.internet.process import accepts, free_port, running


@contextmanager
def moto(folder: Path, images: list[Mapping[str, str]]) -> Iterator[int]:
    """Run moto's server with these AMIs (``id``, ``name``, ``owner``, ``created``) and no
    others for the length of the block; yields its port."""
    path = folder / "amis.json"
    path.write_text(json.dumps([_ami(image) for image in images]))
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environ = {**os.environ, "MOTO_AMIS_PATH": str(path)}
    with running(command, folder / "moto.log", lambda: accepts(port), env=environ):
        yield port


def _ami(image: Mapping[str, str]) -> dict[str, object]:
    return {
        "ami_id": image["id"],
        "name": image["name"],
        "owner_id": image["owner"],
        "creation_date": image["created"],
        "architecture": "x86_64",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "description": "",
        "image_location": f"{image['owner']}/{image['name']}",
        "image_type": "machine",
        "platform": None,
        "public": True,
        "root_device_name": "/dev/xvda",
        "root_device_type": "ebs",
        "sriov": "simple",
        "state": "available",
    }


class Requests:
    """What the server of our own was asked: the parameters and headers of each request."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[Mapping[str, str]] = []


@asynccontextmanager
async def ec2(**answers: tuple[int, str]) -> AsyncIterator[tuple[int, Requests]]:
    """Serve, by action, a status and a document; yields port and what was asked."""
    requests = Requests()

    async def answer(request: web.Request) -> web.Response:
        query = parse_qs(urlsplit(str(request.rel_url)).query)
        asked = {name: values[0] for name, values in query.items()}
        requests.asked.append(asked)
        requests.headers.append(dict(request.headers))
        status, text = answers[asked["Action"]]
        return web.Response(status=status, text=text, content_type="text/xml")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], requests
    finally:
        await runner.cleanup()


def images(*found: tuple[str, str]) -> tuple[int, str]:
    """An answer to DescribeImages: ids with their creation dates."""
    items = "".join(
        f"<item><imageId>{id_}</imageId><creationDate>{created}</creationDate></item>"
        for id_, created in found
    )
    return 200, (
        '<?xml version="1.0" encoding="UTF-8"?>\n<DescribeImagesResponse '
        'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>59dbff89</requestId>'
        f"<imagesSet>{items}</imagesSet></DescribeImagesResponse>"
    )


def error(status: int, code: str, message: str) -> tuple[int, str]:
    """An error as EC2 answers it."""
    return status, (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>ea966190-f9aa-478e-9ede</RequestID></Response>"
    )
