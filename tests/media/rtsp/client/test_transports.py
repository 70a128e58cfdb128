"""Transport headers as devices write them."""

from __future__ import annotations

import pytest

from media.rtsp.client.transports import TCP, UDP, TransportAnswer, read_transport


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1A2B", TransportAnswer(TCP, channels=(4, 5), ssrc=0x1A2B)),
        (
            "RTP/AVP/TCP;interleaved=0-1; ssrc = 77;mode=play",
            TransportAnswer(TCP, channels=(0, 1), ssrc=0x77),
        ),
        ("RTP/AVP/TCP;interleaved=0-1;ssrc=none", TransportAnswer(TCP, channels=(0, 1))),
        ("RTP/AVP;unicast;interleaved=2-3", TransportAnswer(TCP, channels=(2, 3))),
        ('RTP/AVP/TCP;unicast;interleaved="2-3"', TransportAnswer(TCP, channels=(2, 3))),
        ("rtp/avp/tcp ; unicast ; Interleaved = 2 - 3", TransportAnswer(TCP, channels=(2, 3))),
        ("RTP/AVP/TCP;interleaved=6", TransportAnswer(TCP, channels=(6, 7))),
        ("RTP/AVP/TCP;unicast", TransportAnswer(TCP)),
        ("RTP/AVP/TCP;interleaved=256-257", TransportAnswer(TCP)),
        ("RTP/AVP/TCP;interleaved=0-0", TransportAnswer(TCP)),
        ("RTP/AVP;unicast", TransportAnswer(TCP)),
        ("", TransportAnswer(TCP)),
        (
            "RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971;ssrc=00000001",
            TransportAnswer(UDP, server_ports=(6970, 6971), ssrc=1),
        ),
        ("RTP/AVP/UDP;unicast;client_port=5000-5001", TransportAnswer(UDP)),
    ],
)
def test_an_answer_to_interleaved_tcp_is_read(header: str, expected: TransportAnswer) -> None:
    assert read_transport(header, TCP) == expected


def test_an_answer_to_udp_is_read() -> None:
    assert read_transport("", UDP) == TransportAnswer(UDP)
    assert read_transport("RTP/AVP;unicast;server_port=7000", UDP) == TransportAnswer(UDP, server_ports=(7000, 7001))
    assert read_transport("RTP/AVP/TCP;interleaved=0-1", UDP) == TransportAnswer(TCP, channels=(0, 1))
