"""Fair shares, claims, and cameras that a node gives back."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from placement.records import CameraLease, Failover, NodeLease, Situation
from placement.shares import decide, fair_shares


def situation(nodes: Iterable[NodeLease], cameras: Iterable[CameraLease]) -> Situation:
    return Situation(now_s=0.0, nodes={node.name: node for node in nodes}, cameras={it.camera_id: it for it in cameras})


def owned(by: str, ids: Iterable[int], **fields: object) -> list[CameraLease]:
    return [CameraLease(camera_id, by, 1, **fields) for camera_id in ids]  # type: ignore[arg-type]


def claims(state: Situation, me: str, held: Iterable[int] = (), **options: bool) -> list[int]:
    return [it.camera_id for it in decide(state, me, held=set(held), **options).claims]  # type: ignore[arg-type]


def gives(state: Situation, me: str, held: Iterable[int], **options: object) -> list[int]:
    return list(decide(state, me, held=set(held), **options).gives)  # type: ignore[arg-type]


A, B, C = NodeLease("a"), NodeLease("b"), NodeLease("c")


def test_a_node_claims_no_more_than_its_share() -> None:
    free = [CameraLease(number) for number in range(1, 10)]
    assert claims(situation([A, B, C], free), "a") == [1, 2, 3]


def test_all_cameras_are_claimed_although_a_heavy_one_exceeds_a_share() -> None:
    free = [CameraLease(1, weight=64), CameraLease(2)]
    assert claims(situation([A, B, C], free), "a") == [1]


def test_a_node_that_is_not_ready_claims_nothing() -> None:
    state = situation([NodeLease("a", is_ready=False), B], [CameraLease(1)])
    assert claims(state, "a") == []


def test_cameras_of_a_dead_node_are_claimed() -> None:
    state = situation([A, NodeLease("b", is_living=False)], owned("b", [1, 2]))
    assert claims(state, "a") == [1, 2]


def test_cameras_of_a_dead_node_stay_while_nothing_may_be_taken_over() -> None:
    state = situation([A, NodeLease("b", is_living=False)], [*owned("b", [1]), CameraLease(2), *owned("a", [3])])
    assert claims(state, "a", may_take_over=False) == [2, 3]


def test_cameras_of_a_node_whose_row_is_gone_are_claimed() -> None:
    assert claims(situation([A], owned("gone", [1])), "a") == [1]


def test_cameras_of_a_living_node_are_not_claimed() -> None:
    assert claims(situation([A, B], owned("b", [1, 2, 3])), "a") == []


def test_a_camera_that_never_fails_over_waits_for_its_node() -> None:
    dead = NodeLease("b", is_living=False)
    cameras = owned("b", [1], failover=Failover.NEVER)
    assert claims(situation([A, dead], cameras), "a") == []
    assert claims(situation([A, B], cameras), "b") == [1]


def test_a_new_camera_that_never_fails_over_is_placed() -> None:
    assert claims(situation([A], [CameraLease(1, failover=Failover.NEVER)]), "a") == [1]


def test_cameras_of_high_priority_are_claimed_first() -> None:
    free = [CameraLease(1), CameraLease(2, weight=4), CameraLease(3, failover=Failover.HIGH)]
    assert claims(situation([A], free), "a") == [3, 2, 1]


def test_no_node_claims_more_than_its_capacity() -> None:
    free = [CameraLease(number) for number in range(1, 10)]
    small, large = NodeLease("a", capacity=2), NodeLease("b")
    assert claims(situation([small, large], free), "a") == [1, 2]
    assert len(claims(situation([small, large], free), "b")) == 7


def test_a_full_share_is_no_limit_when_the_others_are_full() -> None:
    state = situation([A, NodeLease("b", capacity=4)], [*owned("a", [1, 2, 3]), CameraLease(4, weight=5)])
    assert claims(state, "a", held=[1, 2, 3]) == [4]


def test_a_site_keeps_its_cameras() -> None:
    north, south = NodeLease("a", site="north"), NodeLease("b", site="south")
    free = [CameraLease(1, site="north"), CameraLease(2, site="south"), CameraLease(3, site="south")]
    assert claims(situation([north, south], free), "a") == [1]
    assert claims(situation([north, south], free), "b") == [2, 3]


def test_shares_of_small_nodes_go_to_the_others() -> None:
    state = situation([NodeLease("a", capacity=10), B, C], owned("b", range(1, 71)))
    assert fair_shares(state) == {"a": 10, "b": 30, "c": 30}


def test_a_node_with_twenty_percent_too_much_keeps_its_cameras() -> None:
    state = situation([A, B], [*owned("a", range(12)), *owned("b", range(12, 20))])
    assert gives(state, "a", range(12)) == []


def test_a_node_with_too_much_gives_one_camera_without_viewers() -> None:
    state = situation([A, B], [*owned("a", range(13)), *owned("b", range(13, 20))])
    assert gives(state, "a", range(13), watched=[0, 1]) == [2]


def test_a_node_that_has_begun_gives_back_until_it_has_its_share() -> None:
    eleven = situation([A, B], [*owned("a", range(11)), *owned("b", range(11, 20))])
    assert gives(eleven, "a", range(11)) == []
    assert gives(eleven, "a", range(11), was_shedding=True) == [0]
    ten = situation([A, B], [*owned("a", range(10)), *owned("b", range(10, 20))])
    assert gives(ten, "a", range(10), was_shedding=True) == []


def test_nothing_is_given_to_a_node_that_is_not_ready() -> None:
    state = situation([A, NodeLease("b", is_ready=False)], owned("a", range(10)))
    assert gives(state, "a", range(10)) == []


def test_a_heavy_camera_does_not_go_to_and_fro() -> None:
    state = situation([A, B], owned("a", [1], weight=64))
    assert gives(state, "a", [1]) == []


def test_a_draining_node_gives_all_but_those_that_never_fail_over() -> None:
    cameras = [*owned("a", [1, 2]), *owned("a", [3], failover=Failover.NEVER)]
    assert gives(situation([NodeLease("a", is_draining=True), B], cameras), "a", [1, 2, 3]) == [1, 2]


def test_a_draining_node_claims_nothing_and_has_no_share() -> None:
    state = situation([NodeLease("a", is_draining=True), B], [CameraLease(1), CameraLease(2)])
    assert claims(state, "a") == []
    assert fair_shares(state) == {"b": 2}


def test_a_full_node_leaves_capacity_for_a_camera_of_high_priority() -> None:
    full = NodeLease("a", capacity=3)
    cameras = [*owned("a", [1, 2, 3]), *owned("gone", [4], weight=2, failover=Failover.HIGH)]
    state = situation([full], cameras)
    assert gives(state, "a", [1, 2, 3]) == [1, 2]
    after = situation([full], [CameraLease(1, None, 1), CameraLease(2, None, 1), *owned("a", [3]), cameras[3]])
    assert claims(after, "a", held=[3]) == [4]


def test_a_node_gives_cameras_back_although_one_of_another_site_has_some() -> None:
    north, south = NodeLease("a", site="north", capacity=3), NodeLease("b", site="south")
    cameras = [*owned("a", [1, 2, 3]), CameraLease(4, site="north", failover=Failover.HIGH)]
    assert gives(situation([north, south], cameras), "a", [1, 2, 3]) == [1]
    assert gives(situation([north, south], cameras), "b", []) == []


def test_a_fuller_node_of_another_site_gives_nothing_back() -> None:
    north, south = NodeLease("a", site="north", capacity=2), NodeLease("b", site="south", capacity=3)
    cameras = [
        *owned("a", [1, 2]),
        *owned("b", [5, 6, 7]),
        CameraLease(4, site="north", failover=Failover.HIGH),
    ]
    assert gives(situation([north, south], cameras), "a", [1, 2]) == [1]
    assert gives(situation([north, south], cameras), "b", [5, 6, 7]) == []


def test_the_node_that_can_give_enough_back_does_it() -> None:
    small, large = NodeLease("a", capacity=4), NodeLease("b", capacity=2)
    cameras = [
        *owned("a", [1], weight=1),
        *owned("a", [2], weight=3, failover=Failover.HIGH),
        *owned("b", [5, 6]),
        CameraLease(4, weight=2, failover=Failover.HIGH),
    ]
    assert gives(situation([small, large], cameras), "a", [1, 2]) == []
    assert gives(situation([small, large], cameras), "b", [5, 6]) == [5, 6]


def test_only_the_fullest_node_gives_back() -> None:
    nodes = [NodeLease("a", capacity=3), NodeLease("b", capacity=2)]
    cameras = [*owned("a", [1, 2, 3]), *owned("b", [5, 6]), *owned("gone", [4], failover=Failover.HIGH)]
    assert gives(situation(nodes, cameras), "a", [1, 2, 3]) == [1]
    assert gives(situation(nodes, cameras), "b", [5, 6]) == []


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(1, 16), st.sampled_from(Failover)), max_size=30),
)
def test_rounds_end_with_every_camera_placed_that_fits(
    capacities: list[int], cameras: list[tuple[int, Failover]]
) -> None:
    """All nodes decide in turn, until nothing changes: no endless to and fro, and no node exceeds its capacity."""
    nodes = [NodeLease(f"n{number}", capacity=capacity) for number, capacity in enumerate(capacities)]
    leases = {
        number: CameraLease(number, weight=weight, failover=failover)
        for number, (weight, failover) in enumerate(cameras)
    }
    is_shedding = dict.fromkeys((node.name for node in nodes), False)
    for _ in range(300):
        has_changed = False
        for node in nodes:
            state = situation(nodes, leases.values())
            held = {it.camera_id for it in leases.values() if it.node == node.name}
            decision = decide(state, node.name, held=held, was_shedding=is_shedding[node.name])
            is_shedding[node.name] = decision.is_shedding
            for camera_id in decision.gives:
                leases[camera_id] = CameraLease(
                    camera_id, None, 1, leases[camera_id].weight, failover=leases[camera_id].failover
                )
            for camera in decision.claims:
                leases[camera.camera_id] = CameraLease(
                    camera.camera_id, node.name, 1, camera.weight, failover=camera.failover
                )
            has_changed |= bool(decision.gives or decision.claims)
        if not has_changed:
            break
    else:
        raise AssertionError("the nodes never agree")
    loads = situation(nodes, leases.values()).loads()
    for node in nodes:
        assert node.capacity == 0 or loads[node.name] <= node.capacity
    for camera in leases.values():
        if camera.node is None:
            assert not any(node.has_capacity(camera.weight, loads[node.name]) for node in nodes)
