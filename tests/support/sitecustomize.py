"""Keep the Python programs that a test starts on the loopback interface too."""

import loopback_only

loopback_only.install()
