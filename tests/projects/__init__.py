"""
The install matrix: three small shops that put our apps in the way real stores do.

*bare* makes the three edits and nothing else, *forked* has forked whatever a store can fork, *full* has everything
switched on. `test_install.py` leads each through its life with us, from the first migrate to the day we are gone.

    LOYALTY_INSTALLED=0   the same shop without our apps
    LOYALTY_WITHOUT       apps of ours that *full* does not list, such as loyalty_oscar.earning
    PROJECT_DATABASE      Django's settings of its database, as JSON
    PROJECT_MEDIA         where its pictures lie
"""
