# An echo of Python's websockets: certificate or "-", key, compression or not. Ends with its input.
import asyncio, ssl, sys
from websockets.asyncio.server import serve


async def echo(ws):
    print("agreed:", ws.response.headers.get("Sec-WebSocket-Extensions", "none"), flush=True)
    answer = await ws.ping(b"alive")
    answer.add_done_callback(lambda _: print("answered: alive", flush=True))
    async for message in ws:
        await ws.send(message)
    print("closed:", ws.close_code, flush=True)


async def main(certificate, key, deflate):
    context = None
    if certificate != "-":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    compression = "deflate" if deflate == "deflate" else None
    async with serve(echo, "127.0.0.1", 0, ssl=context, compression=compression, max_size=None) as server:
        print("port:", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
