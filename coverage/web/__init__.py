"""Streamlit app and HTTP routes."""
