"""One module a page; each has ``show(view, run)`` and calls use cases only.

The folder is not called ``pages``: Streamlit runs the files of a folder of that name beside the main script as pages
of their own, until some session has called ``st.navigation`` for the first time.
"""
