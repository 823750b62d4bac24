//! Source routes: IPv4's options that name the hosts on a packet's way (RFC 791 3.1, RFC 1122 3.2.1.8 (c)).

use super::Packet;
use core::net::{IpAddr, Ipv4Addr};

/// Loose Source and Record Route, with its copied bit.
const LOOSE: u8 = 131;
/// Strict Source and Record Route.
const STRICT: u8 = 137;

/// Addresses that the longest option has room for.
const SLOTS: usize = 9;

/// The hosts that packets to some destination have to pass, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRoute {
    is_strict: bool,
    hops: [Ipv4Addr; SLOTS],
    count: u8,
}

impl SourceRoute {
    /// A route by `hops`, one to nine; others may lie between them unless it is strict.
    pub fn new(hops: &[Ipv4Addr], is_strict: bool) -> Option<Self> {
        let mut route = Self {
            is_strict,
            hops: [Ipv4Addr::UNSPECIFIED; SLOTS],
            count: 0,
        };
        for hop in hops {
            *route.hops.get_mut(usize::from(route.count))? = *hop;
            route.count += 1;
        }
        (route.count > 0).then_some(route)
    }

    /// Whom packets pass, in order.
    pub fn hops(&self) -> &[Ipv4Addr] {
        &self.hops[..self.count.into()]
    }

    /// Whether nobody else may lie between.
    pub const fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Where packets go first: IP's destination.
    pub const fn first(&self) -> Ipv4Addr {
        self.hops[0]
    }

    /// Octets of [`option`](Self::option).
    pub const fn length(&self) -> usize {
        4 * (1 + self.count as usize)
    }

    /// The option of packets to `destination` as they leave: the hops behind the first, and the destination; padded.
    pub fn option(&self, destination: Ipv4Addr) -> [u8; 40] {
        let mut option = [0; 40];
        let kind = if self.is_strict { STRICT } else { LOOSE };
        option[..3].copy_from_slice(&[kind, 3 + 4 * self.count, 4]);
        let behind = self.hops().iter().skip(1).chain([&destination]);
        for (slot, address) in option[3..].as_chunks_mut::<4>().0.iter_mut().zip(behind) {
            *slot = address.octets();
        }
        option
    }

    /// The way back to `source` of a packet that recorded its own: the hops in reverse.
    fn back(recorded: &[[u8; 4]], source: Ipv4Addr, is_strict: bool) -> Option<Self> {
        let recorded = match recorded {
            // "It MUST be correctly formed even if the recorded route included the source host."
            [first, rest @ ..] if *first == source.octets() => rest,
            all => all,
        };
        let mut hops = [Ipv4Addr::UNSPECIFIED; SLOTS];
        for (hop, recorded) in hops.iter_mut().zip(recorded.iter().rev()) {
            *hop = Ipv4Addr::from(*recorded);
        }
        Self::new(hops.get(..recorded.len())?, is_strict)
    }
}

/// What a packet's options say of its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Nothing.
    Direct,
    /// It came by a source route, and this is the way back.
    Back(SourceRoute),
    /// It has further to go: to this host in the end.
    Onward(Ipv4Addr),
}

impl Packet<'_> {
    /// Reads the source route among the options. One that is malformed, or empty, is none.
    pub fn route(&self) -> Route {
        let IpAddr::V4(source) = self.source else {
            return Route::Direct;
        };
        let Some((kind, pointer, data)) = find(self.options) else {
            return Route::Direct;
        };
        let (addresses, _) = data.as_chunks::<4>();
        if usize::from(pointer) > data.len() + 3 {
            let back = SourceRoute::back(addresses, source, kind == STRICT);
            return back.map_or(Route::Direct, Route::Back);
        }
        let last = addresses.last().copied();
        last.map_or(Route::Direct, |last| Route::Onward(last.into()))
    }

    /// Whom it is for in the end: its destination, unless a source route goes on from there.
    pub fn final_destination(&self) -> IpAddr {
        match self.route() {
            Route::Onward(last) => last.into(),
            Route::Direct | Route::Back(_) => self.destination,
        }
    }
}

/// The first source route's kind, pointer and addresses.
fn find(options: &[u8]) -> Option<(u8, u8, &[u8])> {
    let mut rest = options;
    loop {
        match *rest {
            [1, ..] => rest = &rest[1..],
            [kind, length, ..] if kind != 0 && length >= 2 => {
                let option = rest.get(..length.into())?;
                if let ([LOOSE | STRICT, _, pointer, ..], data) = (option, option.get(3..)) {
                    return Some((kind, *pointer, data?));
                }
                rest = &rest[usize::from(length)..];
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Route, SLOTS, SourceRoute};
    use crate::ip::{Header, Packet};
    use core::net::Ipv4Addr;
    use std::vec::Vec;

    fn hop(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, last)
    }

    fn with_options(options: &[u8]) -> Vec<u8> {
        let mut header = Header::new(hop(1).into(), hop(2).into(), 6).expect("one family");
        header.options = options;
        let mut octets = std::vec![0; header.length()];
        header.write(&mut octets);
        octets
    }

    fn route(options: &[u8]) -> Route {
        let octets = with_options(options);
        Packet::parse(&octets).expect("a packet").route()
    }

    #[test]
    fn a_route_is_written_as_rfc_791_draws_it() {
        let route = SourceRoute::new(&[hop(7), hop(8)], false).expect("room");
        assert_eq!(route.first(), hop(7));
        assert_eq!(
            route.option(hop(2))[..route.length()],
            [131, 11, 4, 198, 51, 100, 8, 198, 51, 100, 2, 0]
        );
        let strict = SourceRoute::new(&[hop(7)], true).expect("room");
        assert!(strict.is_strict());
        assert_eq!(
            strict.option(hop(2))[..strict.length()],
            [137, 7, 4, 198, 51, 100, 2, 0]
        );
        assert_eq!(SourceRoute::new(&[], false), None);
        assert_eq!(SourceRoute::new(&[hop(1); SLOTS + 1], false), None);
        let longest = SourceRoute::new(&[hop(1); SLOTS], false).expect("room");
        assert_eq!(longest.length(), 40);
    }

    #[test]
    fn a_recorded_route_is_turned_round() {
        let back = |hops: &[Ipv4Addr], is_strict| {
            Route::Back(SourceRoute::new(hops, is_strict).expect("room"))
        };
        let recorded = [131, 11, 12, 198, 51, 100, 7, 198, 51, 100, 8, 0];
        assert_eq!(route(&recorded), back(&[hop(8), hop(7)], false));
        let behind_others = [1, 148, 4, 0, 0, 137, 7, 8, 198, 51, 100, 7];
        assert_eq!(route(&behind_others), back(&[hop(7)], true));
        // The source is not on its own way.
        let with_source = [131, 11, 12, 198, 51, 100, 1, 198, 51, 100, 8, 0];
        assert_eq!(route(&with_source), back(&[hop(8)], false));
    }

    #[test]
    fn a_route_that_is_not_at_its_end_goes_on() {
        let octets = with_options(&[131, 11, 8, 198, 51, 100, 7, 198, 51, 100, 9, 0]);
        let packet = Packet::parse(&octets).expect("a packet");
        assert_eq!(packet.route(), Route::Onward(hop(9)));
        assert_eq!(packet.final_destination(), hop(9));
        let ended = with_options(&[131, 7, 8, 198, 51, 100, 7, 0]);
        let packet = Packet::parse(&ended).expect("a packet");
        assert_eq!(packet.final_destination(), hop(2));
    }

    #[test]
    fn what_is_no_route_is_none() {
        for options in [
            &[][..],
            &[0, 131, 7, 8],
            // Empty, its length too small, beyond the options, without its pointer.
            &[131, 3, 4, 0],
            &[131, 1, 8, 0],
            &[131, 9, 12, 1],
            &[131, 2, 1, 1],
            &[1, 1, 1, 131],
            &[7, 0, 0, 0],
        ] {
            assert_eq!(route(options), Route::Direct, "{options:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn there_and_back_are_the_same_hops(hops in proptest::collection::vec(2u8.., 1..=SLOTS), is_strict: bool) {
            let hops: Vec<Ipv4Addr> = hops.into_iter().map(hop).collect();
            let there = SourceRoute::new(&hops, is_strict).expect("room");
            // Each hop puts its own address in the place of the next one's.
            let mut option = there.option(hop(2))[..there.length()].to_vec();
            option[2] = 4 + 4 * there.count;
            for (slot, hop) in option[3..].as_chunks_mut::<4>().0.iter_mut().zip(&hops) {
                *slot = hop.octets();
            }
            let Route::Back(back) = route(&option) else { panic!("no route") };
            let mut reversed = back.hops().to_vec();
            reversed.reverse();
            proptest::prop_assert_eq!(reversed, hops);
            proptest::prop_assert_eq!(back.is_strict(), is_strict);
        }

        #[test]
        fn options_from_anyone_are_read_without_harm(options in proptest::collection::vec(proptest::num::u8::ANY, 0..=10)) {
            let options: Vec<u8> = options.into_iter().flat_map(|it| [it, 131, it ^ 3, 7]).collect();
            route(&options);
        }
    }
}
