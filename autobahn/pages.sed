# The suite's pages as we keep them: nothing is loaded from elsewhere, they say where our verdict is, and they fit a
# phone. For `sed -i -f` over *.html, by run.sh and compose.yaml alike.
/<center>.*<img src="https*:.*report\.png/c\
      <h1>Autobahn WebSocket Testsuite Report</h1>\
      <p style="text-align: center"><a href="verdict.html">Our verdict on it, and why some cases are informational</a></p>
/<center>.*<img src="https*:/d
s|<head>|<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">|
s|</style>|p, li, pre { overflow-wrap: anywhere } pre { white-space: pre-wrap }</style>|
