{% snapshot iterable__campaigns_snapshot %}
{{ config(unique_key=["source_relation", "id"]) }}
{{ source_iterable.history("campaigns", ["id"], "updated_at", without=["send_size"]) }}
{% endsnapshot %}
