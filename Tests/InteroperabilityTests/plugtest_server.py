# SPDX-License-Identifier: Apache-2.0
"""The resources of the ETSI CoAP plugtests on aiocoap servers, as a peer for the tests.

Commands come on standard input, one a line; each is answered with one line on standard output:

    boot          starts a server on a free port of 127.0.0.1; the answer is the port
    boot PORT     ends the server on that port, if there is one, and starts a new one there, which
                  knows nothing of the old one's clients; the answer is the port
    stop PORT     ends the server on that port; the answer is the port

Every server has resources of its own, so that tests do not meet. The program ends when standard
input closes. The log goes to standard error.

Two things are not to be had from aiocoap's resources and are done here: /obs-large cuts its
notifications into blocks, and /large-update-64 asks for smaller blocks than it was sent.
"""

import asyncio
import hashlib
import logging
import socket
import sys

import aiocoap
from aiocoap import resource
from aiocoap.numbers.codes import Code
from aiocoap.numbers.contentformat import ContentFormat
from aiocoap.optiontypes import BlockOption

TEXT = 0
XML = 41
LARGE = b"".join(b"%07d " % number for number in range(250))


class Quick(aiocoap.TransportTuning):
    """Retransmits soon, for the tests that lose datagrams."""

    ACK_TIMEOUT = 0.4


class Confirmable(Quick):
    reliability = True


class NonConfirmable(Quick):
    reliability = False


def text(payload, code=None, tuning=Quick, **options):
    return aiocoap.Message(
        code=code,
        payload=payload,
        content_format=TEXT,
        transport_tuning=tuning(),
        **options,
    )


def e_tag(payload):
    return hashlib.sha256(payload).digest()[:4]


class Kept(resource.Resource):
    """Keeps what it is given; DELETE takes it away, PUT makes it anew."""

    def __init__(self, content=None):
        super().__init__()
        self.content = content

    async def render_get(self, request):
        if self.content is None:
            raise aiocoap.error.NotFound()
        return text(self.content)

    async def render_put(self, request):
        code = Code.CREATED if self.content is None else Code.CHANGED
        self.content = request.payload
        return aiocoap.Message(code=code)

    async def render_post(self, request):
        return await self.render_put(request)

    async def render_delete(self, request):
        self.content = None
        return aiocoap.Message(code=Code.DELETED)


class Separate(resource.Resource):
    """Answers so late that the acknowledgement goes ahead."""

    async def render_get(self, request):
        await asyncio.sleep(0.5)
        return text(b"later")


class MultiFormat(resource.Resource):
    async def render_get(self, request):
        if request.opt.accept in (None, TEXT):
            return text(b"plain")
        if request.opt.accept == XML:
            return aiocoap.Message(payload=b"<x/>", content_format=ContentFormat(XML))
        return aiocoap.Message(code=Code.NOT_ACCEPTABLE)


class Validated(Kept):
    """Has an entity tag for each content, and honours ETag, If-Match and If-None-Match."""

    async def render_get(self, request):
        response = await super().render_get(request)
        response.opt.etag = e_tag(self.content)
        if response.opt.etag in request.opt.etags:
            return aiocoap.Message(code=Code.VALID, etag=response.opt.etag)
        return response

    async def render_put(self, request):
        if request.opt.if_none_match and self.content is not None:
            return aiocoap.Message(code=Code.PRECONDITION_FAILED)
        tags = request.opt.if_match
        if tags and (self.content is None or e_tag(self.content) not in tags):
            return aiocoap.Message(code=Code.PRECONDITION_FAILED)
        return await super().render_put(request)


class LargeCreate(resource.Resource):
    def __init__(self, site):
        super().__init__()
        self.site = site

    async def render_post(self, request):
        self.site.add_resource(["large-create", "1"], Kept(request.payload))
        return aiocoap.Message(code=Code.CREATED, location_path=["large-create", "1"])


class LargePost(resource.Resource):
    """Answers with the request's bytes, the last one first."""

    async def render_post(self, request):
        return text(request.payload[::-1], Code.CHANGED)


class LargeUpdate64(Kept):
    """Takes blocks one by one, and wants them to have 64 bytes."""

    async def needs_blockwise_assembly(self, request):
        return request.code != Code.PUT

    async def render_put(self, request):
        block = request.opt.block1
        kept = b"" if block.start == 0 else self.content
        if block.start != len(kept):
            return aiocoap.Message(code=Code.REQUEST_ENTITY_INCOMPLETE)
        self.content = kept + request.payload
        size = min(block.size_exponent, 2)
        return aiocoap.Message(
            code=Code.CONTINUE if block.more else Code.CHANGED,
            block1=BlockOption.BlockwiseTuple(block.block_number, block.more, size),
        )


class Counter(resource.ObservableResource):
    """Counts four times a second; each number is fresh for a second."""

    def __init__(self, tuning):
        super().__init__()
        self.tuning = tuning
        self.count = 0

    async def tick(self):
        while True:
            await asyncio.sleep(0.25)
            self.count += 1
            self.updated_state()

    async def render_get(self, request):
        return text(b"%d" % self.count, tuning=self.tuning, max_age=1)


class ObservableLarge(resource.ObservableResource):
    """A large resource that PUT changes; aiocoap does not cut notifications into blocks."""

    def __init__(self):
        super().__init__()
        self.content = LARGE

    async def needs_blockwise_assembly(self, request):
        return request.code != Code.GET

    async def render_get(self, request):
        wanted = request.opt.block2 or BlockOption.BlockwiseTuple(0, False, 6)
        start = wanted.start
        end = start + wanted.size
        if start >= len(self.content):
            return aiocoap.Message(code=Code.BAD_REQUEST)
        response = text(
            self.content[start:end], tuning=Confirmable, etag=e_tag(self.content)
        )
        response.opt.block2 = BlockOption.BlockwiseTuple(
            wanted.block_number, end < len(self.content), wanted.size_exponent
        )
        return response

    async def render_put(self, request):
        self.content = request.payload
        self.updated_state()
        return aiocoap.Message(code=Code.CHANGED)


class Server:
    def __init__(self, context, tasks):
        self.context = context
        self.tasks = tasks

    @classmethod
    async def start(cls, port):
        site = resource.Site()
        counters = [Counter(Confirmable), Counter(NonConfirmable)]
        site.add_resource(["test"], Kept(b"test"))
        site.add_resource(["separate"], Separate())
        site.add_resource(["multi-format"], MultiFormat())
        site.add_resource(["validate"], Validated(b"first"))
        site.add_resource(["create1"], Validated())
        site.add_resource(["large"], Kept(LARGE))
        site.add_resource(["large-update"], Kept(LARGE))
        site.add_resource(["large-update-64"], LargeUpdate64(LARGE))
        site.add_resource(["large-create"], LargeCreate(site))
        site.add_resource(["large-post"], LargePost())
        site.add_resource(["obs"], counters[0])
        site.add_resource(["obs-non"], counters[1])
        site.add_resource(["obs-large"], ObservableLarge())
        context = await aiocoap.Context.create_server_context(
            site, bind=("127.0.0.1", port), transports=["udp6"]
        )
        return cls(context, [asyncio.create_task(counter.tick()) for counter in counters])

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await self.context.shutdown()


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main():
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(message)s")
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    servers = {}
    while line := await commands.readline():
        command, *arguments = line.decode().split()
        port = int(arguments[0]) if arguments else free_port()
        if server := servers.pop(port, None):
            await server.stop()
        if command == "boot":
            servers[port] = await Server.start(port)
        print(port, flush=True)


asyncio.run(main())
