"""The access table: which permission each route needs, which target it has, and its action in the audit log.

A route without a row is refused; a test compares the table with the app's routes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.access import Permission
from web.access import owners, targets
from web.access.targets import Target


class Open(StrEnum):
    """Access that no role's permission decides."""

    ALL = "all"  # no login needed: the login page, its style sheets, health
    LOGGED_IN = "logged_in"  # any login or token: the own session and password
    SETUP = "setup"  # users of this machine, while there is no account
    NODES = "nodes"  # other nodes, by their signature; no user


@dataclass(frozen=True, slots=True)
class Rule:
    """A row. `target` finds the camera and channel (None: the route concerns no camera).

    `action` names the request in the audit log; without one, only refusals are written. `is_for_people`: refused for
    API tokens, which could otherwise make users and tokens that outlive them. `is_for_players`: the sender is found by
    the secret part of the address alone, and pages of other sites may fetch the answer.

    With several nodes, the owner of the target's camera answers (web/routing.py). `camera_of_record` finds the camera
    of a route that names a record of it. `node_of_files` returns the name of the node that answers, because the files
    of a job lie there. `can_stay`: any node answers if that one does not run, because the answer needs neither the
    device nor the files.
    """

    needs: Permission | Open
    target: Callable[[], Target | None] | None = None
    action: str = ""
    is_for_people: bool = False
    is_for_players: bool = False
    camera_of_record: Callable[[], int | None] | None = None
    node_of_files: Callable[[], str] | None = None
    can_stay: bool = False


RULES: dict[str, Rule] = {
    # pages
    "pages.cameras": Rule(Permission.LIVE),
    "pages.viewer": Rule(Permission.LIVE, targets.camera_of_page, can_stay=True),
    "pages.wall": Rule(Permission.LIVE),
    "pages.recordings": Rule(Permission.RECORDINGS, targets.camera_of_page, can_stay=True),
    "pages.events": Rule(Permission.RECORDINGS),
    "pages.search": Rule(Permission.RECORDINGS),
    "pages.motion": Rule(Permission.LIVE, targets.channel_in_path, can_stay=True),
    "pages.notifications": Rule(Permission.RECORDINGS),
    "pages.exports": Rule(Permission.EXPORT),
    "pages.storage": Rule(Permission.MANAGE),
    "pages.detector": Rule(Permission.MANAGE),
    "pages.nodes": Rule(Permission.MANAGE),
    "pages.login": Rule(Open.ALL),
    "pages.welcome": Rule(Open.SETUP),
    "pages.account": Rule(Open.LOGGED_IN),
    "pages.access": Rule(Permission.MANAGE),
    # files
    "static_files.file": Rule(Open.ALL),
    "installing.manifest": Rule(Open.ALL),
    "installing.service_worker": Rule(Open.ALL),
    "streams.stream_file": Rule(Permission.LIVE, targets.stream_in_path),
    # the app itself
    "api_system.health": Rule(Open.ALL),
    "api_description.openapi": Rule(Open.LOGGED_IN),
    "api_description.docs": Rule(Open.LOGGED_IN),
    "api_nodes.list_nodes": Rule(Permission.MANAGE),
    "api_nodes.drain_node": Rule(Permission.MANAGE, action="drain_node"),
    "api_nodes.use_node": Rule(Permission.MANAGE, action="use_node"),
    "internal.streams": Rule(Open.NODES),
    "internal.audit": Rule(Open.NODES),
    "internal.motion": Rule(Open.NODES),
    "internal.storage": Rule(Open.NODES),
    "internal.archive_file": Rule(Open.NODES),
    "internal.archive_file_size": Rule(Open.NODES),
    "internal.event_picture": Rule(Open.NODES),
    # accounts
    "api_accounts.get_session": Rule(Open.ALL),
    "api_accounts.log_in": Rule(Open.ALL, action="log_in"),
    "api_accounts.log_out": Rule(Open.LOGGED_IN, action="log_out"),
    "api_accounts.change_own_password": Rule(Open.LOGGED_IN, action="change_own_password"),
    "api_accounts.create_first": Rule(Open.SETUP, action="create_first_account"),
    "api_accounts.postpone": Rule(Open.SETUP, action="postpone_accounts"),
    "api_accounts.list_users": Rule(Permission.MANAGE),
    "api_accounts.add_user": Rule(Permission.MANAGE, action="add_user", is_for_people=True),
    "api_accounts.change_user": Rule(Permission.MANAGE, action="change_user", is_for_people=True),
    "api_accounts.remove_user": Rule(Permission.MANAGE, action="remove_user", is_for_people=True),
    "api_accounts.list_sessions": Rule(Permission.MANAGE),
    "api_accounts.end_session": Rule(Permission.MANAGE, action="end_session", is_for_people=True),
    "api_audit.list_audit": Rule(Permission.MANAGE),
    "api_accounts.list_tokens": Rule(Permission.MANAGE),
    "api_accounts.add_token": Rule(Permission.MANAGE, action="add_token", is_for_people=True),
    "api_accounts.remove_token": Rule(Permission.MANAGE, action="remove_token", is_for_people=True),
    # cameras
    "api_cameras.list_cameras": Rule(Permission.LIVE),
    "api_cameras.add_camera": Rule(Permission.MANAGE, action="add_camera"),
    "api_cameras.add_pretend_recorder": Rule(Permission.MANAGE, action="add_camera"),
    "api_cameras.get_camera": Rule(Permission.LIVE, targets.camera_in_path, can_stay=True),
    "api_cameras.edit_camera": Rule(Permission.MANAGE, targets.camera_in_path, "change_camera", can_stay=True),
    "api_cameras.delete_camera": Rule(Permission.MANAGE, targets.camera_in_path, "delete_camera", can_stay=True),
    "api_cameras.accept_certificate": Rule(Permission.MANAGE, targets.camera_in_path, "accept_certificate"),
    "api_cameras.refresh_camera": Rule(Permission.OPERATE, targets.every_channel, "refresh_camera"),
    "api_cameras.list_channels": Rule(Permission.LIVE, targets.camera_in_path, can_stay=True),
    "api_cameras.edit_channel": Rule(Permission.MANAGE, targets.channel_in_path, "change_channel", can_stay=True),
    "api_cameras.order_channels": Rule(Permission.MANAGE, targets.camera_in_path, "change_channel", can_stay=True),
    "api_cameras.snapshot": Rule(Permission.LIVE, targets.snapshot, "snapshot"),
    "api_cameras.camera_health": Rule(Permission.MANAGE, targets.camera_in_path, can_stay=True),
    "api_cameras.discover": Rule(Permission.MANAGE, action="discover"),
    # live and replay
    "live.socket_for_one": Rule(Permission.LIVE, targets.live_in_path),
    "live.socket_for_many": Rule(Permission.LIVE),  # LiveBackend checks each channel that is watched
    "api_streams.start_stream": Rule(Permission.LIVE, targets.live_in_body, "watch"),
    "api_hls.master_playlist": Rule(Permission.LIVE, targets.channel_in_path),
    "api_hls.variant_playlist": Rule(Permission.LIVE, targets.channel_in_path),
    "api_hls.make_player_link": Rule(Permission.LIVE, targets.channel_in_path, "make_player_link", can_stay=True),
    "players.master": Rule(
        Permission.LIVE, targets.linked_channel, is_for_players=True, camera_of_record=owners.of_player_link
    ),
    "players.variant": Rule(
        Permission.LIVE, targets.linked_channel, is_for_players=True, camera_of_record=owners.of_player_link
    ),
    "players.file": Rule(
        Permission.LIVE, targets.stream_in_path, is_for_players=True, camera_of_record=owners.of_player_link
    ),
    "api_streams.stop_stream": Rule(Permission.LIVE, targets.stream_to_stop),
    "api_streams.stream_status": Rule(Permission.LIVE, targets.stream_in_path),
    "api_streams.all_streams": Rule(Permission.LIVE),
    "api_playback.start_playback": Rule(Permission.RECORDINGS, targets.recording_in_body, "play_recording"),
    "api_playback.seek_playback": Rule(Permission.RECORDINGS, targets.stream_in_body, "seek"),
    # heads, imaging and relay outputs
    "api_ptz.get_ptz": Rule(Permission.PTZ, targets.channel_in_path),
    "api_ptz.move": Rule(Permission.PTZ, targets.channel_in_path, "ptz_move"),
    "api_ptz.stop": Rule(Permission.PTZ, targets.channel_in_path),
    "api_ptz.go_to": Rule(Permission.PTZ, targets.channel_in_path, "ptz_goto"),
    "api_ptz.go_home": Rule(Permission.PTZ, targets.channel_in_path, "ptz_home"),
    "api_ptz.set_home": Rule(Permission.PTZ, targets.channel_in_path, "ptz_set_home"),
    "api_ptz.list_presets": Rule(Permission.PTZ, targets.channel_in_path),
    "api_ptz.add_preset": Rule(Permission.PTZ, targets.channel_in_path, "ptz_add_preset"),
    "api_ptz.change_preset": Rule(Permission.PTZ, targets.channel_in_path, "ptz_change_preset"),
    "api_ptz.remove_preset": Rule(Permission.PTZ, targets.channel_in_path, "ptz_remove_preset"),
    "api_ptz.focus": Rule(Permission.PTZ, targets.channel_in_path, "ptz_focus"),
    "api_ptz.iris": Rule(Permission.PTZ, targets.channel_in_path, "ptz_iris"),
    "api_ptz.auxiliary": Rule(Permission.PTZ, targets.channel_in_path, "ptz_auxiliary"),
    "api_ptz.list_tours": Rule(Permission.PTZ, targets.channel_in_path, can_stay=True),
    "api_ptz.add_tour": Rule(Permission.PTZ, targets.channel_in_path, "ptz_add_tour"),
    "api_ptz.remove_tour": Rule(Permission.PTZ, targets.channel_in_path, "ptz_remove_tour"),
    "api_ptz.start_tour": Rule(Permission.PTZ, targets.channel_in_path, "ptz_start_tour"),
    "api_ptz.stop_tour": Rule(Permission.PTZ, targets.channel_in_path, "ptz_stop_tour"),
    "api_imaging.get_imaging": Rule(Permission.MANAGE, targets.channel_in_path),
    "api_imaging.change_imaging": Rule(Permission.MANAGE, targets.channel_in_path, "change_imaging"),
    "api_imaging.list_relays": Rule(Permission.PTZ, targets.every_channel),
    "api_imaging.set_relay": Rule(Permission.PTZ, targets.every_channel, "set_relay"),
    # named layouts of the wall; the wall manager checks their owners
    "api_walls.list_walls": Rule(Permission.LIVE),
    "api_walls.add_wall": Rule(Permission.LIVE),
    "api_walls.get_wall": Rule(Permission.LIVE),
    "api_walls.change_wall": Rule(Permission.LIVE),
    "api_walls.remove_wall": Rule(Permission.LIVE),
    # browsers with the own notifications; WebPush checks their owners
    "api_push.get_push_key": Rule(Permission.RECORDINGS),
    "api_push.list_push_subscriptions": Rule(Permission.RECORDINGS),
    "api_push.add_push_subscription": Rule(Permission.RECORDINGS, action="add_push_subscription", is_for_people=True),
    "api_push.remove_push_subscription": Rule(Permission.RECORDINGS, action="remove_push_subscription"),
    "api_push.send_push_test": Rule(Permission.RECORDINGS),
    # exports; the export manager checks their owners and channels
    "api_exports.add_export": Rule(Permission.EXPORT, targets.export_in_body, "create_export"),
    "api_exports.estimate_export": Rule(Permission.EXPORT, targets.export_in_body),
    "api_exports.list_exports": Rule(Permission.EXPORT),
    "api_exports.get_export": Rule(Permission.EXPORT, node_of_files=owners.of_export, can_stay=True),
    "api_exports.change_export": Rule(
        Permission.EXPORT, action="change_export", node_of_files=owners.of_export, can_stay=True
    ),
    "api_exports.remove_export": Rule(
        Permission.EXPORT, action="delete_export", node_of_files=owners.of_export, can_stay=True
    ),
    "api_exports.pause_export": Rule(Permission.EXPORT, action="pause_export", node_of_files=owners.of_export),
    "api_exports.resume_export": Rule(Permission.EXPORT, action="resume_export", node_of_files=owners.of_export),
    "api_exports.cancel_export": Rule(Permission.EXPORT, action="cancel_export", node_of_files=owners.of_export),
    "api_exports.retry_export": Rule(Permission.EXPORT, action="retry_export", node_of_files=owners.of_export),
    "api_exports.get_export_poster": Rule(Permission.EXPORT, node_of_files=owners.of_export),
    "api_exports.download_export": Rule(Permission.EXPORT, action="download_export", node_of_files=owners.of_export),
    # cases and their evidence packages; the evidence manager checks their owners and channels
    "api_cases.list_cases": Rule(Permission.EXPORT),
    "api_cases.add_case": Rule(Permission.EXPORT, action="create_case"),
    "api_cases.get_case": Rule(Permission.EXPORT, node_of_files=owners.of_case, can_stay=True),
    "api_cases.change_case": Rule(Permission.EXPORT, action="change_case", node_of_files=owners.of_case, can_stay=True),
    "api_cases.remove_case": Rule(Permission.EXPORT, action="delete_case", node_of_files=owners.of_case, can_stay=True),
    "api_cases.add_export_to_case": Rule(Permission.EXPORT, action="add_export_to_case"),
    "api_cases.remove_export_from_case": Rule(Permission.EXPORT, action="remove_export_from_case"),
    "api_cases.make_package": Rule(Permission.EXPORT, action="create_package", node_of_files=owners.of_case),
    "api_cases.download_package": Rule(Permission.EXPORT, action="download_package", node_of_files=owners.of_case),
    "api_evidence.evidence_key": Rule(Permission.EXPORT),
    # recordings
    "api_recordings.search_recordings": Rule(Permission.RECORDINGS, targets.search, "search_recordings"),
    "api_recordings.recording_summary": Rule(Permission.RECORDINGS, targets.camera_in_path, can_stay=True),
    "api_recordings.recording_coverage": Rule(Permission.RECORDINGS, targets.camera_in_path, can_stay=True),
    "api_recordings.stop_indexing": Rule(Permission.RECORDINGS, targets.every_channel, "stop_indexing"),
    "api_recordings.resume_indexing": Rule(Permission.RECORDINGS, targets.every_channel, "resume_indexing"),
    "api_pictures.list_pictures": Rule(Permission.RECORDINGS, targets.recorded_channel, "see_pictures"),
    "api_pictures.list_picture_cues": Rule(Permission.RECORDINGS, targets.recorded_channel, "see_pictures"),
    "api_i_frames.list_key_frames": Rule(Permission.RECORDINGS, targets.archived_channel, "see_pictures"),
    "api_i_frames.get_key_frame": Rule(Permission.RECORDINGS, targets.archived_channel, "see_pictures"),
    "api_pictures.get_picture": Rule(Permission.RECORDINGS, targets.recorded_channel, "see_pictures"),
    "api_kept.list_kept": Rule(Permission.RECORDINGS),  # the view leaves out channels that the user may not see
    "api_kept.keep_range": Rule(Permission.EXPORT, targets.channel_in_body, "keep_recordings"),
    "api_kept.release_range": Rule(
        Permission.EXPORT, action="release_recordings", camera_of_record=owners.of_kept, can_stay=True
    ),
    "api_storage.get_storage": Rule(Permission.MANAGE),
    # recording on the server; the views leave out alerts of channels that the user may not see
    "api_recording_rules.get_recording_rule": Rule(Permission.MANAGE, targets.channel_in_path, can_stay=True),
    "api_recording_rules.set_recording_rule": Rule(Permission.MANAGE, targets.channel_in_path, "set_recording_rule"),
    "api_recording_rules.pause_recording": Rule(Permission.RECORDING_PAUSE, targets.channel_in_path, "pause_recording"),
    "api_recording_rules.resume_recording": Rule(
        Permission.RECORDING_PAUSE, targets.channel_in_path, "resume_recording"
    ),
    "api_recording_rules.recording_states": Rule(Permission.LIVE, targets.camera_in_path, can_stay=True),
    "api_recording_rules.list_recording_alerts": Rule(Permission.RECORDINGS),
    "api_recording_rules.mark_alerts_seen": Rule(Permission.RECORDINGS, action="see_recording_alerts"),
    # events; the views leave out those of channels that the user may not see
    "api_events.list_events": Rule(Permission.RECORDINGS),
    "api_events.list_event_news": Rule(Permission.RECORDINGS),
    "api_events.list_event_days": Rule(Permission.RECORDINGS),
    "api_events.list_event_zones": Rule(Permission.RECORDINGS),
    "api_events.mark_events_seen": Rule(Permission.RECORDINGS),
    "api_events.get_event": Rule(Permission.RECORDINGS),
    "api_events.list_similar_events": Rule(Permission.RECORDINGS),
    "api_events.get_event_picture": Rule(
        Permission.RECORDINGS, action="see_pictures", camera_of_record=owners.of_event
    ),
    "api_detector.get_detector": Rule(Permission.MANAGE),
    "api_detector.choose_model": Rule(Permission.MANAGE, action="choose_detector_model"),
    "api_detector.try_model": Rule(Permission.MANAGE),
    "api_motion.get_motion": Rule(Permission.LIVE),
    "api_motion.get_channel_motion": Rule(Permission.LIVE, targets.channel_in_path, can_stay=True),
    "api_motion.set_channel_motion": Rule(Permission.MANAGE, targets.channel_in_path, "set_motion"),
    "api_motion.get_motion_picture": Rule(Permission.LIVE, targets.channel_in_path),
    "api_motion.get_motion_now": Rule(Permission.LIVE, targets.channel_in_path),
    # searches; the search manager checks their owners and channels
    "api_searches.add_search": Rule(Permission.RECORDINGS, targets.searched_channel_in_body, "create_search"),
    "api_searches.list_searches": Rule(Permission.RECORDINGS),
    "api_searches.get_search": Rule(Permission.RECORDINGS, camera_of_record=owners.of_search, can_stay=True),
    "api_searches.continue_search": Rule(
        Permission.RECORDINGS, action="continue_search", camera_of_record=owners.of_search
    ),
    "api_searches.cancel_search": Rule(
        Permission.RECORDINGS, action="cancel_search", camera_of_record=owners.of_search
    ),
    "api_camera_events.get_event_switch": Rule(Permission.MANAGE, targets.camera_in_path, can_stay=True),
    "api_camera_events.set_event_switch": Rule(Permission.MANAGE, targets.camera_in_path, "set_event_switch"),
    "api_camera_events.list_event_topics": Rule(Permission.MANAGE, targets.camera_in_path),
    # notifications; the manager checks the owners of rules, and at the time of sending their rights
    "api_notifications.list_rules": Rule(Permission.RECORDINGS),
    "api_notifications.add_rule": Rule(Permission.RECORDINGS, action="add_notification_rule"),
    "api_notifications.get_rule": Rule(Permission.RECORDINGS),
    "api_notifications.change_rule": Rule(Permission.RECORDINGS, action="change_notification_rule"),
    "api_notifications.remove_rule": Rule(Permission.RECORDINGS, action="delete_notification_rule"),
    "api_notifications.send_rule_test": Rule(Permission.RECORDINGS, action="test_notification_rule"),
    "api_notifications.list_deliveries": Rule(Permission.RECORDINGS),
    "api_notification_sinks.list_sinks": Rule(Permission.RECORDINGS),
    "api_notification_sinks.get_sink": Rule(Permission.RECORDINGS),
    "api_notification_sinks.add_sink": Rule(Permission.MANAGE, action="add_notification_sink"),
    "api_notification_sinks.change_sink": Rule(Permission.MANAGE, action="change_notification_sink"),
    "api_notification_sinks.remove_sink": Rule(Permission.MANAGE, action="delete_notification_sink"),
    "api_notification_sinks.send_sink_test": Rule(Permission.MANAGE, action="test_notification_sink"),
    "api_backfills.list_backfills": Rule(Permission.MANAGE),
    "api_backfills.add_backfill": Rule(Permission.MANAGE, targets.channel_in_body, "create_backfill"),
    "api_backfills.estimate_backfill": Rule(Permission.MANAGE, targets.channel_in_body),
    "api_backfills.get_backfill": Rule(Permission.MANAGE, camera_of_record=owners.of_backfill, can_stay=True),
    "api_backfills.remove_backfill": Rule(
        Permission.MANAGE, action="delete_backfill", camera_of_record=owners.of_backfill, can_stay=True
    ),
    "api_backfills.pause_backfill": Rule(
        Permission.MANAGE, action="pause_backfill", camera_of_record=owners.of_backfill
    ),
    "api_backfills.resume_backfill": Rule(
        Permission.MANAGE, action="resume_backfill", camera_of_record=owners.of_backfill
    ),
    "api_backfills.cancel_backfill": Rule(
        Permission.MANAGE, action="cancel_backfill", camera_of_record=owners.of_backfill
    ),
    "api_backfills.retry_backfill": Rule(
        Permission.MANAGE, action="retry_backfill", camera_of_record=owners.of_backfill
    ),
    "api_recordings.playback_uri": Rule(Permission.RECORDINGS, targets.recording_in_body, "playback_uri"),
}
