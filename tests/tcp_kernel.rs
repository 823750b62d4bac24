//! Our TCP/IP host against the kernel's, over a TUN device: both roles, both families.
//!
//! Each test runs in a network namespace of its own: see `netkit_tests::place`. `NETKIT_TCP_OCTETS` sets how many
//! octets each long transfer carries.

#[path = "tcp/programs.rs"]
mod programs;
#[path = "tcp/streams.rs"]
mod streams;

use netkit::stack::link::{Chance, Path};
use netkit_tests::place::{Family, Place, trial};
use netkit_tests::{Arguments, Failed, Peer, Trial};

type Tested = Result<(), Failed>;

/// Octets of a transfer: so many mebibytes, unless `NETKIT_TCP_OCTETS` says otherwise.
fn octets(mebibytes: u64) -> Result<u64, Failed> {
    match std::env::var("NETKIT_TCP_OCTETS") {
        Ok(octets) => Ok(octets.parse()?),
        Err(_) => Ok(mebibytes << 20),
    }
}

/// Over a link of 1500 octets.
fn usual(
    name: &str,
    family: Family,
    peers: &[Peer],
    test: impl FnOnce(&Place) -> Tested + Send + 'static,
) -> Trial {
    trial(format!("{name}/{family:?}"), peers, move || {
        test(&Place::new(family, 1500)?)
    })
}

/// Every pair of an MTU, timestamps and SACK.
fn options(family: Family) -> impl Iterator<Item = Trial> {
    let least = match family {
        Family::Four => 576,
        Family::Six => 1280,
    };
    let all = [
        (least, true, true),
        (least, false, false),
        (1500, true, false),
        (1500, false, true),
        (9000, true, true),
        (9000, false, false),
    ];
    all.into_iter().map(move |(mtu, timestamps, sack)| {
        let name = format!("options/{family:?}/{mtu}/timestamps={timestamps}/sack={sack}");
        trial(name, &[], move || {
            streams::options(&Place::new(family, mtu)?, timestamps, sack)
        })
    })
}

/// One packet in a hundred, either way.
fn faults(family: Family) -> impl Iterator<Item = Trial> {
    let usual_path = Path::default;
    let hundredth = Chance::percent(1.0);
    let all = [
        (
            "loss",
            Path {
                loss: hundredth,
                ..usual_path()
            },
        ),
        (
            "reorder",
            Path {
                reorder: hundredth,
                ..usual_path()
            },
        ),
        (
            "duplicate",
            Path {
                duplicate: hundredth,
                ..usual_path()
            },
        ),
        (
            "corrupt",
            Path {
                corrupt: hundredth,
                ..usual_path()
            },
        ),
    ];
    all.into_iter().map(move |(name, path)| {
        usual(&format!("faults/{name}"), family, &[], move |place| {
            streams::through(place, &path)
        })
    })
}

fn main() {
    let mut trials = Vec::new();
    for family in Family::ALL {
        let curl = [Peer::Curl];
        let nginx = [Peer::Nginx];
        let python = [Peer::Python];
        trials.extend([
            usual("curl_downloads", family, &curl, programs::curl_downloads),
            usual("curl_uploads", family, &curl, programs::curl_uploads),
            usual("nginx_sends", family, &nginx, programs::nginx_sends),
            usual("nginx_takes", family, &nginx, programs::nginx_takes),
            usual("ping", family, &[Peer::Ping], programs::ping),
            usual(
                "a_killed_peer_resets",
                family,
                &python,
                programs::a_killed_peer_resets,
            ),
            usual(
                "a_stopped_peer_is_waited_for",
                family,
                &python,
                programs::a_stopped_peer_is_waited_for,
            ),
            usual(
                "tshark_finds_no_fault",
                family,
                &[Peer::Tshark, Peer::Curl, Peer::Ping],
                programs::tshark_finds_no_fault,
            ),
            usual(
                "each_half_closes_first",
                family,
                &[],
                streams::each_half_closes_first,
            ),
            usual(
                "closed_ports_refuse",
                family,
                &[],
                streams::closed_ports_refuse,
            ),
            usual(
                "a_window_closes_and_opens",
                family,
                &[],
                streams::a_window_closes_and_opens,
            ),
            usual(
                "datagrams_find_nobody",
                family,
                &[],
                streams::datagrams_find_nobody,
            ),
            usual(
                "what_is_no_packet_is_lost",
                family,
                &[],
                streams::what_is_no_packet_is_lost,
            ),
            usual(
                "ten_thousand_connections",
                family,
                &[],
                streams::ten_thousand_connections,
            ),
            usual(
                "a_rebooted_peer_resets",
                family,
                &[],
                streams::a_rebooted_peer_resets,
            ),
            usual(
                "a_smaller_path_is_found",
                family,
                &[],
                streams::a_smaller_path_is_found,
            ),
        ]);
        trials.extend(options(family));
        trials.extend(faults(family));
    }
    let mut arguments = Arguments::from_args();
    // Each means to fill a core.
    arguments.test_threads.get_or_insert(2);
    libtest_mimic::run(&arguments, trials).exit()
}
