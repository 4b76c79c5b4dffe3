"""Several hosts: an agent on each does what the supervisor does here, and the harness leads them.

Dask places one agent a host (`dask_hosts`) and tells when one is lost. Everything else passes the line between harness
and agent (`line`): orders there (`orders`), states and files back. Store, clocks and journals know nothing of Dask.
"""
