// Plays the conversation of tried.py with a client for Java: java Tried LIBRARY WAY URL.
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.handler.codec.http.websocketx.extensions.WebSocketClientExtensionHandler;
import io.netty.handler.codec.http.websocketx.extensions.compression.PerMessageDeflateClientExtensionHandshaker;
import io.netty.handler.codec.http.websocketx.extensions.compression.WebSocketClientCompressionHandler;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

public final class Tried {
    static final List<String> MESSAGES = new ArrayList<>();
    static final CompletableFuture<String> ENDED = new CompletableFuture<>();

    static String letters(long seed, int size) {
        long number = seed * 7919 + 1;
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < size; i++) {
            number = (number * 1103515245L + 12345L) & 0x7fffffffL;
            text.append((char) (97 + (number >> 16) % 26));
        }
        return text.toString();
    }

    public static void main(String[] arguments) throws Exception {
        for (int number = 0; number < 15; number++) {
            MESSAGES.add(letters(number % 5, 2000));
        }
        MESSAGES.add(letters(9, 60000));
        if (!"no".equals(System.getenv("TRIED_EMPTY"))) {
            MESSAGES.add("");
        }
        MESSAGES.add("end");
        URI uri = URI.create(arguments[2]);
        if (arguments[0].equals("netty")) {
            netty(uri, arguments[1]);
        } else {
            jdk(uri);
        }
        String why = ENDED.get(40, TimeUnit.SECONDS);
        System.out.println(why);
        System.exit(why.equals("ok") ? 0 : 1);
    }

    static void netty(URI uri, String way) {
        boolean compresses = !way.equals("none");
        NioEventLoopGroup group = new NioEventLoopGroup(1);
        new Bootstrap().group(group).channel(NioSocketChannel.class).handler(new ChannelInitializer<SocketChannel>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(new HttpClientCodec(), new HttpObjectAggregator(8192));
                if (way.equals("INSTANCE")) {
                    channel.pipeline().addLast(WebSocketClientCompressionHandler.INSTANCE);
                } else if (compresses) {
                    channel.pipeline().addLast(new WebSocketClientExtensionHandler(
                        new PerMessageDeflateClientExtensionHandshaker(6, false, 15, true, true)));
                }
                channel.pipeline().addLast(
                    new WebSocketClientProtocolHandler(
                        WebSocketClientHandshakerFactory.newHandshaker(
                            uri, WebSocketVersion.V13, null, compresses, new DefaultHttpHeaders(), 1 << 20), false),
                    new WebSocketFrameAggregator(1 << 20),
                    new Client());
            }
        }).connect(uri.getHost(), uri.getPort());
    }

    static final class Client extends SimpleChannelInboundHandler<WebSocketFrame> {
        int at = 0;

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event == WebSocketClientProtocolHandler.ClientHandshakeStateEvent.HANDSHAKE_COMPLETE) {
                context.writeAndFlush(new TextWebSocketFrame(MESSAGES.get(0)));
            }
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
            if (frame instanceof CloseWebSocketFrame) {
                CloseWebSocketFrame close = (CloseWebSocketFrame) frame;
                boolean isOk = at == MESSAGES.size() && close.statusCode() == 1000;
                ENDED.complete(isOk ? "ok" : "ended after " + at + " echoes with " + close.statusCode() + " "
                    + close.reasonText());
            } else if (frame instanceof TextWebSocketFrame) {
                if (!((TextWebSocketFrame) frame).text().equals(MESSAGES.get(at))) {
                    ENDED.complete("message " + at + " came back changed");
                }
                at++;
                context.writeAndFlush(at == MESSAGES.size()
                    ? new CloseWebSocketFrame(1000, "") : new TextWebSocketFrame(MESSAGES.get(at)));
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            ENDED.complete("after " + at + " echoes: " + cause.getMessage());
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            ENDED.complete("the connection ended after " + at + " echoes");
        }
    }

    static void jdk(URI uri) {
        HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(uri, new WebSocket.Listener() {
            int at = 0;
            final StringBuilder echo = new StringBuilder();

            @Override
            public void onOpen(WebSocket socket) {
                socket.sendText(MESSAGES.get(0), true);
                socket.request(1);
            }

            @Override
            public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                echo.append(data);
                socket.request(1);
                if (!last) {
                    return null;
                }
                if (!echo.toString().equals(MESSAGES.get(at))) {
                    ENDED.complete("message " + at + " came back changed");
                }
                echo.setLength(0);
                at++;
                if (at == MESSAGES.size()) {
                    socket.sendClose(1000, "");
                } else {
                    socket.sendText(MESSAGES.get(at), true);
                }
                return null;
            }

            @Override
            public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                ENDED.complete(at == MESSAGES.size() && code == 1000 ? "ok" : "ended after " + at + " with " + code);
                return null;
            }

            @Override
            public void onError(WebSocket socket, Throwable cause) {
                ENDED.complete("after " + at + " echoes: " + cause.getMessage());
            }
        });
    }
}
