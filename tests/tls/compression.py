# tlslite-ng with one way to compress certificates: `client PORT ALGORITHM CERT KEY` asks localhost for a page,
# `server - ALGORITHM CERT KEY` takes one connection. Both show their certificate and say what they saw.
import socket, sys
from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

role, port, algorithm, cert, key = sys.argv[1:]
settings = HandshakeSettings()
settings.minVersion = (3, 4)
settings.certificate_compression_send = [algorithm]
settings.certificate_compression_receive = [algorithm]
chain = X509CertChain()
chain.parsePemList(open(cert).read())
key = parsePEMKey(open(key).read(), private=True)


def certificates(chain):
    return len(chain.x509List) if chain else 0


if role == "client":
    tls = TLSConnection(socket.create_connection(("127.0.0.1", int(port))))
    tls.handshakeClientCert(chain, key, settings=settings, serverName="localhost")
    tls.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    print("page:", tls.read(min=1, max=1000).split(b"\r\n")[0].decode())
else:
    listener = socket.create_server(("127.0.0.1", 0))
    print("port:", listener.getsockname()[1], flush=True)
    tls = TLSConnection(listener.accept()[0])
    # Without protocols of its own it stumbles over those of a client.
    alpn = [bytearray(b"http/1.1")]
    tls.handshakeServer(certChain=chain, privateKey=key, reqCert=True, settings=settings, alpn=alpn)
    tls.read(min=1, max=1000)
    tls.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    tls.close()
print("server's certificates:", certificates(tls.session.serverCertChain), tls.server_cert_compression_algo)
print("client's certificates:", certificates(tls.session.clientCertChain), tls.client_cert_compression_algo)
