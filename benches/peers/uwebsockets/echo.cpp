// uWebSockets, as its README has it: one App, `ws`, `send`; 16 MiB as the limit of a message, as elsewhere here.
//
// With --deflate it compresses each message by itself, with the compressor that all connections share; with
// --deflate-takeover each connection has its own of 4 KiB, as in its example EchoServer. With --broadcast what anyone
// says is published to all. Built with OpenSSL it is an SSLApp, and wants --tls-cert=FILE and --tls-key=FILE.

#include "App.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

struct Nothing {};

bool isAsked(int argc, char **argv, std::string_view flag) {
    for (int index = 1; index < argc; index++) {
        if (argv[index] == flag) return true;
    }
    return false;
}

uWS::CompressOptions compression(int argc, char **argv) {
    if (isAsked(argc, argv, "--deflate")) {
        return uWS::CompressOptions(uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR);
    }
    if (isAsked(argc, argv, "--deflate-takeover")) {
        return uWS::CompressOptions(uWS::DEDICATED_COMPRESSOR_4KB | uWS::DEDICATED_DECOMPRESSOR);
    }
    return uWS::DISABLED;
}

#ifdef LIBUS_USE_OPENSSL
constexpr int IS_TLS = 1;

const char *argument(int argc, char **argv, std::string_view prefix) {
    for (int index = 1; index < argc; index++) {
        if (std::string_view(argv[index]).starts_with(prefix)) return argv[index] + prefix.size();
    }
    return nullptr;
}

uWS::SSLApp makeApp(int argc, char **argv) {
    return uWS::SSLApp({
        .key_file_name = argument(argc, argv, "--tls-key="),
        .cert_file_name = argument(argc, argv, "--tls-cert="),
    });
}
#else
constexpr int IS_TLS = 0;

uWS::App makeApp(int, char **) {
    return uWS::App();
}
#endif

}  // namespace

int main(int argc, char **argv) {
    constexpr unsigned MIB = 1024 * 1024;
    bool broadcasts = isAsked(argc, argv, "--broadcast");
    auto app = makeApp(argc, argv);
    app.ws<Nothing>("/*", {
        .compression = compression(argc, argv),
        .maxPayloadLength = 16 * MIB,
        .maxBackpressure = 64 * MIB,
        .open = [broadcasts](auto *socket) {
            if (broadcasts) socket->subscribe("everyone");
        },
        .message = [broadcasts, &app](auto *socket, std::string_view message, uWS::OpCode opCode) {
            if (broadcasts) {
                app.publish("everyone", message, opCode);
            } else {
                // Compressed if that was agreed on.
                socket->send(message, opCode, true);
            }
        },
    });
    app.listen("127.0.0.1", 0, [](us_listen_socket_t *listener) {
        if (!listener) {
            std::fputs("cannot listen\n", stderr);
            std::exit(1);
        }
        int port = us_socket_local_port(IS_TLS, reinterpret_cast<us_socket_t *>(listener));
        std::printf("listening on 127.0.0.1:%d\n", port);
        std::fflush(stdout);
    });
    app.run();
}
