#!/usr/bin/env bash
# Install the system packages that the tests need: with apt as root, otherwise print their names.
# With the argument "stress", also those that only `make stress` needs.
set -euo pipefail

# The Chromium without windows takes a quarter less processor time. Where it is missing, the tests use the usual one.
quick=chromium-headless-shell
lacks_quick() {
  ! command -v "$quick" >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-cache >/dev/null &&
    apt-cache policy "$quick" | grep 'Candidate: [0-9]' >/dev/null
}
install_quick() {
  lacks_quick || return 0
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$quick" >/dev/null 2>&1 ||
    echo "$quick cannot be installed: the tests use the usual Chromium, which is slower." >&2
}

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v firefox-esr >/dev/null || missing+=(firefox-esr)
command -v WebKitWebDriver >/dev/null || missing+=(webkit2gtk-driver)
command -v Xvfb >/dev/null || missing+=(xvfb)
command -v ffmpeg >/dev/null || missing+=(ffmpeg)
[ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || missing+=(nginx-light)
command -v caddy >/dev/null || missing+=(caddy)
[ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null || missing+=(mosquitto)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v ps >/dev/null || missing+=(procps)
/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer
import gi.overrides.Gst' 2>/dev/null || missing+=(python3-gi python3-gst-1.0 gir1.2-gst-rtsp-server-1.0)
for plugin in x264enc:ugly alawenc:good rtph264pay:good h264parse:bad avenc_aac:libav videotestsrc:base; do
  command -v gst-inspect-1.0 >/dev/null || { missing+=(gstreamer1.0-tools); }
  gst-inspect-1.0 --exists "${plugin%%:*}" 2>/dev/null || case "${plugin##*:}" in
    libav) missing+=(gstreamer1.0-libav) ;;
    *) missing+=("gstreamer1.0-plugins-${plugin##*:}") ;;
  esac
done
# A film of walkers, from a camera in a street (the package has 95 MB).
[ "${1:-}" != stress ] || [ -e /usr/share/doc/opencv-doc/examples/data/vtest.avi ] || missing+=(opencv-doc)
[ ${#missing[@]} -eq 0 ] && { install_quick; exit 0; }

mapfile -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "Installing for the tests: ${packages[*]}"
  apt-get update -qq
  # The packages start nginx and Caddy as services on port 80 of every interface, and an MQTT broker. Only the tests may start them.
  # PostgreSQL's package would make and start a database of its own; Debian reads this file while it installs.
  no_database=/etc/postgresql-common/createcluster.d/viewer-tests.conf
  mkdir -p "${no_database%/*}" && echo "create_main_cluster = false" > "$no_database"
  services=()
  for name in nginx caddy mosquitto; do
    [[ -d /run/systemd/system && " ${packages[*]} " == *" $name"* ]] && services+=("$name.service")
  done
  [ ${#services[@]} -eq 0 ] || systemctl --quiet mask "${services[@]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  rm "$no_database"
  [ ${#services[@]} -eq 0 ] || { systemctl --quiet unmask "${services[@]}" && systemctl --quiet disable "${services[@]}"; }
  install_quick
else
  echo "The tests need these system packages (Debian's names): ${packages[*]}" >&2
  exit 1
fi
