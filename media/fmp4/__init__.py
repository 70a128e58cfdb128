"""Fragmented MP4 (ISO/IEC 14496-12), as much of it as MediaSource and hls.js need."""
