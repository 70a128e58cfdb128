"""The files of the app's own recordings: fragmented MP4, one fragment per group of pictures, readable at any byte."""
