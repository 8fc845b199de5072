//! What every handle can say of its connection.

/// Gives a handle, which has its connection at `$shared`, what all handles have.
macro_rules! connection_methods {
    ($handle:ty, $($shared:ident).+) => {
        impl $handle {
            /// The name of this connection.
            pub fn id(&self) -> $crate::net::ConnectionId {
                self.$($shared).+.id()
            }

            /// The client's address: that of the peer, where the transport has one, or what a proxy says that
            /// [is trusted](crate::TrustedProxies). Its port is 0 where the proxy says none.
            pub fn peer_addr(&self) -> Option<std::net::SocketAddr> {
                self.$($shared).+.peer()
            }

            /// The address of the transport's peer, where it has one. Behind a proxy it is the proxy's.
            pub fn transport_addr(&self) -> Option<std::net::SocketAddr> {
                self.$($shared).+.transport_addr
            }

            /// The path of the request target, undecoded.
            pub fn path(&self) -> String {
                self.$($shared).+.lock().path().to_string()
            }

            /// Whether messages may still be sent: the OPEN state (RFC 6455 §6.1).
            pub fn is_open(&self) -> bool {
                let state = self.$($shared).+.lock();
                state.life.is_open() && state.queue.outbound().is_open()
            }

            /// Waits until the peer's Close was read, and gives it; `None` when the connection
            /// ends without (RFC 6455 §7.1.5). The end of TCP is not waited for.
            ///
            /// A Close behind a message that the Receiver has not taken is read after that message.
            ///
            /// # Cancel safety
            /// Nothing is left of the future when it is dropped.
            pub async fn peer_close(&self) -> Option<$crate::proto::event::ReceivedClose> {
                use $crate::net::state::waiting::{Awaited, Waiting};
                let mut waiting = Waiting::new(&self.$($shared).+);
                let close = |state: &$crate::net::state::State| state.life.received_close().cloned();
                std::future::poll_fn(|cx| waiting.poll(cx, Awaited::PeerClose, close)).await
            }

            /// Waits until a shutdown of the server or endpoint has been asked for, and the delay of its
            /// [`Farewell`](crate::Farewell) is over. Where that gives a grace, the handler has that long to
            /// send what it has to and return; where it has a window, until the moment of this connection in
            /// it; else the Close has been queued already.
            ///
            /// It resolves for nothing else, so wait for it beside something that ends, in a `select!`.
            ///
            /// # Cancel safety
            /// Nothing is left of the future when it is dropped.
            pub async fn draining(&self) {
                self.$($shared).+.context.draining().await;
            }

            /// Waits until the connection has ended, TCP included, and says how.
            ///
            /// # Cancel safety
            /// Nothing is left of the future when it is dropped.
            pub async fn closed(&self) -> $crate::net::Ending {
                use $crate::net::state::waiting::{Awaited, Waiting};
                let mut waiting = Waiting::new(&self.$($shared).+);
                let ending = |state: &$crate::net::state::State| state.life.ended().cloned();
                std::future::poll_fn(|cx| waiting.poll(cx, Awaited::End, ending))
                    .await
                    .unwrap_or_default()
            }
        }
    };
}

pub(super) use connection_methods;
