"""The tables of the database.

A change here needs a migration in `migrations/versions`. `database.Database` opens the sessions that read and write.
"""

from tables.accounts import ApiTokenRow, ChoiceRow, FailedLoginRow, LoginSessionRow, UserRow, VaultRow, WallRow
from tables.archive import (
    ArchiveFileRow,
    BackfillBytesRow,
    BackfillRow,
    KeptRangeRow,
    ObjectLeftoverRow,
    RecordingGapRow,
    RecordingPauseRow,
    RecordingRuleRow,
)
from tables.base import Base
from tables.cameras import (
    CameraRow,
    CertificateRow,
    ChannelRow,
    EventSubscriptionRow,
    MovingHeadRow,
    PresetNameRow,
    TourRow,
)
from tables.events import (
    EventDayRow,
    EventHeartbeatRow,
    EventImportRow,
    EventLookRow,
    EventRow,
    EventSeenRow,
    EventSwitchRow,
)
from tables.exports import CaseExportRow, CaseRow, ExportRow
from tables.motion import MotionCellsRow, MotionChannelRow
from tables.notifications import (
    DeliveryRow,
    NotificationRuleRow,
    NotificationSinkRow,
    PushKeyRow,
    PushSubscriptionRow,
)
from tables.placement import CameraStateRow, ChangeRow, NodeRow
from tables.recordings import RecordingAskedRow, RecordingEventRow, RecordingRow, ReplayAbilitiesRow
from tables.searches import SearchRow

__all__ = [
    "ApiTokenRow",
    "ArchiveFileRow",
    "BackfillBytesRow",
    "BackfillRow",
    "Base",
    "CameraRow",
    "CameraStateRow",
    "CaseExportRow",
    "CaseRow",
    "CertificateRow",
    "ChangeRow",
    "ChannelRow",
    "ChoiceRow",
    "DeliveryRow",
    "EventDayRow",
    "EventHeartbeatRow",
    "EventImportRow",
    "EventLookRow",
    "EventRow",
    "EventSeenRow",
    "EventSubscriptionRow",
    "EventSwitchRow",
    "ExportRow",
    "FailedLoginRow",
    "KeptRangeRow",
    "LoginSessionRow",
    "MotionCellsRow",
    "MotionChannelRow",
    "MovingHeadRow",
    "NodeRow",
    "NotificationRuleRow",
    "NotificationSinkRow",
    "ObjectLeftoverRow",
    "PresetNameRow",
    "PushKeyRow",
    "PushSubscriptionRow",
    "RecordingAskedRow",
    "RecordingEventRow",
    "RecordingGapRow",
    "RecordingPauseRow",
    "RecordingRow",
    "RecordingRuleRow",
    "ReplayAbilitiesRow",
    "SearchRow",
    "TourRow",
    "UserRow",
    "VaultRow",
    "WallRow",
]
