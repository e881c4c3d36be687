"""The chart's test: the exporter answers at its Service, with metrics of its own."""

import ssl
import sys
import urllib.error
import urllib.request

url = sys.argv[1]
# Whose name the certificate bears is not what is tested.
context = ssl._create_unverified_context()  # noqa: S323, SLF001
try:
    with urllib.request.urlopen(url, timeout=30, context=context) as answer:  # noqa: S310
        text = answer.read().decode()
except urllib.error.HTTPError as error:
    # A password is wanted: so it serves, and shows nothing to strangers.
    sys.exit(0 if error.code == 401 else f"{url}: {error}")
except OSError as error:
    sys.exit(f"{url}: {error}")
if "gitlab_dora_exporter_build_info" not in text:
    sys.exit(f"{url}: no metrics of the exporter")
