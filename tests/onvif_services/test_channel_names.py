"""Names of channels: those of persons stay, those of makers do not."""

from __future__ import annotations

import pytest

from onvif_services.channel_names import is_generic

MAKERS = (
    *("", " ", "0001", "00100", "#1", "...", "_"),
    *("VideoSource_1", "VideoSourceConfig", "VideoSourceConfig0", "VideoSourceConfig_Channel1", "VideoSourceToken"),
    *("VIDEO_SOURCE_CONFIG_1", "Video Source 0", "videosourceconfiguration", "SourceConfig-Ch01", "VideoInputConfig01"),
    *("vscfg0", "V_SRC_CFG_001", "vsconf", "VSC-1", "vsc_VideoSource_1", "vin0", "VIDEO IN 1", "userVSC", "source"),
    *("CH1", "channel 3", "Channel12", "chn-04", "Channel_1_Config", "D1", "Camera 01", "IPCamera 03", "IPC", "cam"),
    *("MainStream", "Main Stream", "sub_stream", "profile_1", "MediaProfile_Channel1_MainStream", "default", "none"),
    *("通道1", "通道 12", "摄像头3", "视频源1", "主码流", "Kanal 2", "Камера 1", "カメラ1"),
    *("{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "a1b2c3d4e5f6"),
)
PERSONS = (
    *("Front door", "Yard", "Gate 2", "Main entrance", "Main gate", "Kitchen cam", "Lobby-Channel 2", "Camera garage"),
    *("Hof", "Eingang Süd", "Entrée", "大门", "前台 2", "仓库通道", "駐車場", "Ворота", "Church", "Facade", "Inside"),
    *("Source of water", "Input store", "Video shop", "<img src=x>", "A", "Café", "Decade 10"),
)


@pytest.mark.parametrize("name", MAKERS)
def test_a_makers_name_says_nothing(name: str) -> None:
    assert is_generic(name)


@pytest.mark.parametrize("name", PERSONS)
def test_a_persons_name_stays(name: str) -> None:
    assert not is_generic(name)


@pytest.mark.parametrize("name", ["Turm7", "turm7", " Turm7 "])
def test_a_token_of_the_device_is_no_name(name: str) -> None:
    assert is_generic(name, {"Turm7", "S1"})
    assert not is_generic(name, {"Turm8"})
