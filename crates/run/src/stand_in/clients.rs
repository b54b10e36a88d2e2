//! Which clients of published datagram ports have a socket that stands in for them, and for how long.
//!
//! Datagrams have no end, so that idleness must do: as long as Linux's `nf_conntrack` remembers one who was not answered, and one
//! with whom it has become a conversation (`nf_conntrack_udp_timeout`, `nf_conntrack_udp_timeout_stream`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_core::{Instant, SocketId};

use crate::publish::Way;

/// How many clients may have one. One more takes the place of who would be forgotten first.
const MOST: usize = 4096;
/// `nf_conntrack_udp_timeout`
const UNANSWERED: Duration = Duration::from_secs(30);
/// `nf_conntrack_udp_timeout_stream`
const CONVERSATION: Duration = Duration::from_secs(120);
/// From what age on what goes both ways is a conversation, no question with its answer (`nf_conntrack_udp_packet`).
const YOUNG: Duration = Duration::from_secs(2);

/// Who sends datagrams, and to which port of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) port: u16,
    pub(crate) address: SocketAddr,
}

#[derive(Debug)]
struct StandIn {
    socket: SocketId,
    /// How the client came last.
    way: Way,
    began: Instant,
    is_answered: bool,
    until: Instant,
}

/// The clients.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    stand_ins: BTreeMap<Client, StandIn>,
    by_socket: BTreeMap<SocketId, Client>,
    ends: BTreeSet<(Instant, Client)>,
    displaced: u64,
}

impl Clients {
    pub(crate) fn socket_of(&self, client: Client) -> Option<SocketId> {
        self.stand_ins.get(&client).map(|stand_in| stand_in.socket)
    }

    /// For whom a socket stands in, and how the client is reached.
    pub(crate) fn of_socket(&self, socket: SocketId) -> Option<(Client, Way)> {
        let client = *self.by_socket.get(&socket)?;
        let stand_in = self.stand_ins.get(&client)?;
        Some((client, stand_in.way))
    }

    /// How many clients were forgotten before their time, because there were too many.
    pub(crate) fn displaced(&self) -> u64 {
        self.displaced
    }

    /// A client has a socket now. Answers one that stands in no more, for want of room: of who would have been forgotten first,
    /// which is someone who was never answered, if there is one.
    pub(crate) fn add(
        &mut self,
        client: Client,
        socket: SocketId,
        way: Way,
        now: Instant,
    ) -> Option<SocketId> {
        let mut displaced = None;
        if self.stand_ins.len() >= MOST
            && let Some((_, first)) = self.ends.first().copied()
        {
            displaced = self.remove(first);
            self.displaced += 1;
        }
        let until = now + UNANSWERED;
        let stand_in = StandIn {
            socket,
            way,
            began: now,
            is_answered: false,
            until,
        };
        self.stand_ins.insert(client, stand_in);
        self.by_socket.insert(socket, client);
        self.ends.insert((until, client));
        displaced
    }

    /// The client has sent something.
    pub(crate) fn asked(&mut self, client: Client, way: Way, now: Instant) {
        if let Some(stand_in) = self.stand_ins.get_mut(&client) {
            stand_in.way = way;
        }
        self.used(client, now);
    }

    /// The client was sent something.
    pub(crate) fn answered(&mut self, client: Client, now: Instant) {
        if let Some(stand_in) = self.stand_ins.get_mut(&client) {
            stand_in.is_answered = true;
        }
        self.used(client, now);
    }

    fn used(&mut self, client: Client, now: Instant) {
        let Some(stand_in) = self.stand_ins.get_mut(&client) else {
            return;
        };
        let is_conversation = stand_in.is_answered && now - stand_in.began > YOUNG;
        let until = now
            + if is_conversation {
                CONVERSATION
            } else {
                UNANSWERED
            };
        // What nf_conntrack has promised once it does not take back either.
        if until > stand_in.until {
            self.ends.remove(&(stand_in.until, client));
            self.ends.insert((until, client));
            stand_in.until = until;
        }
    }

    /// When the next is to be forgotten.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// A socket whose client has been idle for long enough, taken out. Call until `None`.
    pub(crate) fn idle(&mut self, now: Instant) -> Option<SocketId> {
        let (until, client) = *self.ends.first()?;
        if until > now {
            return None;
        }
        self.remove(client)
    }

    /// The sockets of clients that send from this port of theirs, taken out.
    pub(crate) fn take_at_port(&mut self, port: u16) -> Vec<SocketId> {
        let clients = self.stand_ins.keys().copied();
        let clients: Vec<Client> = clients
            .filter(|client| client.address.port() == port)
            .collect();
        let sockets = clients.into_iter().map(|client| self.remove(client));
        sockets.flatten().collect()
    }

    fn remove(&mut self, client: Client) -> Option<SocketId> {
        let stand_in = self.stand_ins.remove(&client)?;
        self.ends.remove(&(stand_in.until, client));
        self.by_socket.remove(&stand_in.socket);
        Some(stand_in.socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::ZERO;
    const WAY: Way = Way {
        index: 0,
        own: None,
        scope: 0,
    };

    fn seconds(seconds: u64) -> Instant {
        START + Duration::from_secs(seconds)
    }

    fn client(number: u16) -> Client {
        Client {
            port: 53,
            address: SocketAddr::from(([203, 0, 113, 7], number)),
        }
    }

    fn socket(number: u16) -> SocketId {
        SocketId::from_bits(1 << 32 | u64::from(number))
    }

    /// When the only client is forgotten.
    fn forgotten(clients: &mut Clients) -> Instant {
        let end = clients.deadline().unwrap();
        assert_eq!(clients.idle(Instant::from_nanos(end.as_nanos() - 1)), None);
        assert_eq!(clients.idle(end), Some(socket(1)));
        assert_eq!(clients.idle(end), None);
        assert_eq!(clients.deadline(), None);
        assert_eq!(clients.socket_of(client(1)), None);
        assert_eq!(clients.of_socket(socket(1)), None);
        end
    }

    #[test]
    fn who_is_not_answered_is_remembered_for_half_a_minute() {
        let mut clients = Clients::default();
        assert_eq!(clients.add(client(1), socket(1), WAY, START), None);
        let other = Way { index: 2, ..WAY };
        clients.asked(client(1), other, seconds(10));
        assert_eq!(clients.socket_of(client(1)), Some(socket(1)));
        assert_eq!(clients.of_socket(socket(1)), Some((client(1), other)));
        assert_eq!(forgotten(&mut clients), seconds(40));
    }

    #[test]
    fn a_question_with_its_answer_is_no_conversation_yet() {
        let mut clients = Clients::default();
        clients.add(client(1), socket(1), WAY, START);
        clients.asked(client(1), WAY, START);
        clients.answered(client(1), seconds(1));
        assert_eq!(forgotten(&mut clients), seconds(31));
    }

    #[test]
    fn a_conversation_is_remembered_for_two_minutes() {
        let mut clients = Clients::default();
        clients.add(client(1), socket(1), WAY, START);
        clients.answered(client(1), seconds(1));
        clients.asked(client(1), WAY, seconds(3));
        assert_eq!(clients.deadline(), Some(seconds(123)));
        clients.answered(client(1), seconds(5));
        assert_eq!(forgotten(&mut clients), seconds(125));
    }

    #[test]
    fn one_too_many_takes_the_place_of_the_oldest_that_was_not_answered() {
        let mut clients = Clients::default();
        let most = u16::try_from(MOST).unwrap();
        for number in 0..most {
            assert_eq!(
                clients.add(client(number), socket(number), WAY, START),
                None
            );
        }
        // All but two are in a conversation, and of the two one has just asked again.
        for number in (0..most).filter(|number| ![7, 8].contains(number)) {
            clients.answered(client(number), seconds(3));
        }
        clients.asked(client(7), WAY, seconds(5));
        assert_eq!(clients.displaced(), 0);
        let add = |clients: &mut Clients, number| {
            clients.add(client(number), socket(number), WAY, seconds(6))
        };
        assert_eq!(add(&mut clients, most), Some(socket(8)));
        assert_eq!(add(&mut clients, most + 1), Some(socket(7)));
        // The newest of those who were not answered is the next, not one of a conversation.
        assert_eq!(add(&mut clients, most + 2), Some(socket(most)));
        assert_eq!(clients.displaced(), 3);
        assert_eq!(clients.stand_ins.len(), MOST);
        assert_eq!(clients.by_socket.len(), MOST);
        assert_eq!(clients.ends.len(), MOST);
    }

    #[test]
    fn the_stand_ins_at_a_port_give_way() {
        let mut clients = Clients::default();
        for number in [1, 2] {
            clients.add(client(number), socket(number), WAY, START);
        }
        assert_eq!(clients.take_at_port(2), [socket(2)]);
        assert_eq!(clients.take_at_port(2), []);
        assert_eq!(forgotten(&mut clients), seconds(30));
    }
}
