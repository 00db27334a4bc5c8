"""What this process's stations' endpoint counts, as metrics. From memory: a database that is down hides nothing."""

from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.tally import Dropped, Tally, Turned
from web.exposition import counter, gauge

_UPGRADES = (101, 400, 401, 404, 429)


def endpoint_metrics(tally: Tally, settings: EndpointSettings) -> str:
    """Counters since the start, and how full the places are. Every reason stands there from the start, with 0."""
    statuses = sorted({*_UPGRADES, *tally.upgrades})
    limits = (
        ("handshakes", settings.open_handshakes),
        ("handshakes_of_address", settings.handshakes_per_address),
        ("connections_of_address", settings.connections_per_address),
    )
    return "".join(
        (
            gauge("voltward_ocpp_lines", "Stations with a line to this process.", [({}, tally.connections)]),
            gauge("voltward_ocpp_handshakes_open", "Peers not admitted yet.", [({}, tally.open_handshakes)]),
            gauge("voltward_ocpp_limit", "Places there are.", [({"of": of}, limit) for of, limit in limits]),
            counter(
                "voltward_ocpp_turned_away_total",
                "Peers that came to no answer, by reason.",
                [({"reason": reason}, tally.turned[reason]) for reason in Turned],
            ),
            counter(
                "voltward_ocpp_upgrades_total",
                "Upgrade requests by HTTP status of the answer.",
                [({"status": str(status)}, tally.upgrades[status]) for status in statuses],
            ),
            counter(
                "voltward_ocpp_dropped_total",
                "Open lines that we ended, by reason.",
                [({"reason": reason}, tally.dropped[reason]) for reason in Dropped],
            ),
            counter(
                "voltward_ocpp_tls_handshakes_total",
                "TLS handshakes that came through, by version and suite.",
                [({"version": version, "suite": suite}, n) for (version, suite), n in sorted(tally.handshakes.items())],
            ),
            counter("voltward_ocpp_messages_total", "OCPP messages from stations.", [({}, tally.messages)]),
            counter("voltward_ocpp_slowed_total", "Times that a station was read more slowly.", [({}, tally.slowed)]),
            counter(
                "voltward_ocpp_charging_refused_total",
                "Messages about charging for which a station had no room left.",
                [({}, tally.charging_refused)],
            ),
        )
    )
