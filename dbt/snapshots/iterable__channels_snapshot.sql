{% snapshot iterable__channels_snapshot %}
{{ config(unique_key=["source_relation", "id"]) }}
{{ source_iterable.history("channels", ["id"], "id") }}
{% endsnapshot %}
