// The echo server of Node's `ws`, as its README begins, with permessage-deflate on as it is advised there to be
// turned on. Says where it listens.

import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });

server.on('listening', () => {
    const { address, port } = server.address();
    console.log(`listening on ${address}:${port}`);
});

server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => {
        socket.send(data, { binary: isBinary });
    });
});
