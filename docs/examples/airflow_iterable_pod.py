"""Iterable in Airflow 3 on Kubernetes: every hour the load, in a pod of its own."""

from datetime import datetime

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.sdk import DAG
from kubernetes.client import V1ResourceRequirements

with DAG("iterable_pod", schedule="17 * * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1):
    KubernetesPodOperator(
        task_id="load",
        image="ghcr.io/OWNER/source-iterable:0.1.0-load",
        arguments=["load", "--to", "postgresql://iterable@postgres/warehouse"],
        # As in kubernetes.yaml: ITERABLE_API_KEY, ITERABLE_START_DATE and PGPASSWORD.
        secrets=[Secret("env", None, "iterable")],
        container_resources=V1ResourceRequirements(requests={"memory": "512Mi"}, limits={"memory": "512Mi"}),
        termination_grace_period=120,
        retries=1,
    )
