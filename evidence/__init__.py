"""Evidence packages: exports of a case as a signed ZIP that anybody can check offline.

`evidence_manager` is the interface of this package. maker.py reads each file once: hashes.py computes its hashes,
zip_outline.py the ZIP's headers. manifest.py describes the files, signing.py signs the manifest. A package has no copy
of the videos: zip_reader.py puts the ZIP together while it is sent. check.py finds changes in a package that was
handed over, and verify.py is its command; the page verify.html does the same in a browser (static/js/verify).
"""
