# A client of Python's websockets: URL, CA file or "-", compression or not. Says what it saw.
import asyncio, ssl, sys
from websockets.asyncio.client import connect


async def main(url, ca, deflate):
    context = ssl.create_default_context(cafile=ca) if ca != "-" else None
    compression = "deflate" if deflate == "deflate" else None
    async with connect(url, ssl=context, compression=compression, max_size=None) as ws:
        for length in (0, 1, 125, 126, 65535, 65536, 300000):
            text, octets = "é" * length, bytes(at % 251 for at in range(length))
            for sent in (text, octets):
                await ws.send(sent)
                assert await ws.recv() == sent, length
        await ws.send(["in ", "three ", "pieces"])
        assert await ws.recv() == "in three pieces"
        await (await ws.ping(b"alive"))
        agreed = ws.response.headers.get("Sec-WebSocket-Extensions", "none")
    print("agreed:", agreed)
    print("closed:", ws.close_code)


asyncio.run(main(*sys.argv[1:]))
