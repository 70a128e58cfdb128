"""Codecs: NAL units, parameter sets, AAC, FLAC, and the access unit that all packages pass on. No transport."""
