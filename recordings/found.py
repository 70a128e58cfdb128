"""Results in true time: rows of the timeline, and recordings of the device and of the archive with their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import InvalidRequest
from core.recordings import DeviceRecording, RecordingEvent, SpanState
from recordings.device_clock import DeviceClock
from recordings.intervals import Interval
from recordings.matching import Match, MatchedBy
from recordings.rows import DeviceIndex, Row, row_spans
from recordings.server import ServerRecording
from recordings.views import ChannelCoverage, ChannelSpan, FoundRecording, KnownRecording, Summary


@dataclass(frozen=True, slots=True)
class RecordingNames:
    """The channels of a camera's recordings by recording token, and the names of its channels."""

    matches: Mapping[str, Match]
    names: Mapping[int, str]

    def with_archived(self, archived: Sequence[ServerRecording]) -> RecordingNames:
        """Return these with the recordings of the archive."""
        own = {it.recording.recording_token: Match(it.channel, MatchedBy.SERVER) for it in archived}
        return replace(self, matches={**self.matches, **own})

    def known(self, item: DeviceRecording, clock: DeviceClock) -> KnownRecording:
        """Return a recording with its channel, in true time."""
        match = self.matches[item.recording_token]
        own_name = self.names.get(match.channel, "") if match.channel is not None else ""
        return KnownRecording(
            recording_token=item.recording_token,
            channel=match.channel,
            matched_by=match.by,
            source_name=item.source_name or own_name,
            earliest=clock.to_true_time_or_none(item.earliest),
            latest=clock.to_true_time_or_none(item.latest, is_end=True),
            tracks=item.tracks,
        )


def found_recordings(
    recordings: Sequence[DeviceRecording],
    names: RecordingNames,
    index: DeviceIndex,
    window: Interval,
    now: datetime,
    clock: DeviceClock,
    whole_clock: DeviceClock,
) -> list[FoundRecording]:
    """Return the recordings with data in the window, by channel and time.

    `clock`: that of the window, with a fixed correction. `whole_clock`: for the dates of the device's recordings.
    """
    found = []
    for item in recordings:
        match = names.matches[item.recording_token]
        of_device = match.by is not MatchedBy.SERVER
        spans = row_spans(Row(match.channel, "", match.by, (item,)), window, index, now)
        held = [span for span in spans if span.recording_token is not None]
        if held:
            found.append(
                FoundRecording(
                    recording=names.known(item, whole_clock if of_device else clock),
                    spans=tuple((clock.to_true_time(span.start), clock.to_true_time(span.end)) for span in held),
                    is_known=all(span.state is SpanState.RECORDED for span in held),
                )
            )
    return sorted(found, key=lambda item: (item.recording.channel or 2**31, item.spans[0][0]))


def channel_coverage(
    row: Row, spans: Sequence[ChannelSpan], events: Sequence[RecordingEvent], limit: int, clock: DeviceClock
) -> ChannelCoverage:
    """Return a row of the timeline in true time, with the first `limit` events."""
    return ChannelCoverage(
        channel=row.channel,
        name=row.name,
        matched_by=row.matched_by,
        recording_token=row.newest_token,
        spans=_in_true_time(spans, clock),
        events=tuple(clock.event_in_true_time(event) for event in events[:limit]),
        events_truncated=len(events) > limit,
    )


def _in_true_time(spans: Sequence[ChannelSpan], clock: DeviceClock) -> tuple[ChannelSpan, ...]:
    if not clock.correction_s:
        return tuple(spans)
    return tuple(
        replace(span, start=clock.to_true_time(span.start), end=clock.to_true_time(span.end)) for span in spans
    )


def page_of(
    found: Sequence[FoundRecording], limit: int, cursor: str | None
) -> tuple[Sequence[FoundRecording], str | None]:
    """Return a page, and the cursor of the next one. Raise InvalidRequest for an unknown cursor."""
    if cursor is not None:
        places = [place for place, item in enumerate(found) if item.recording.recording_token == cursor]
        if not places:
            raise InvalidRequest.of_field("cursor", "unknown; begin again without it")
        found = found[places[0] + 1 :]
    page = found[:limit]
    return page, page[-1].recording.recording_token if len(found) > limit else None


def with_archived(
    summary: Summary, archived: Sequence[ServerRecording], names: RecordingNames, clock: DeviceClock
) -> Summary:
    """Return the summary with the recordings of the archive before those of the device."""
    if not archived:
        return summary
    names = names.with_archived(archived)
    own = [names.known(it.recording, clock) for it in archived]
    begins = [it.earliest for it in own if it.earliest is not None]
    ends = [it.latest for it in own if it.latest is not None]
    return replace(
        summary,
        data_from=min([*begins, *filter(None, [summary.data_from])], default=None),
        data_until=max([*ends, *filter(None, [summary.data_until])], default=None),
        number_recordings=summary.number_recordings + len(own),
        recordings=(*own, *summary.recordings),
    )
