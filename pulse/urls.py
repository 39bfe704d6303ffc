"""Addresses of the core under /api/pulse/. The trailing slash is optional."""

from django.urls import re_path

from pulse.views import dead_letters, handlers, jobs, workers

urlpatterns = [
    re_path(r"^jobs/?$", jobs.JobListView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/?$", jobs.JobView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/cancel/?$", jobs.JobCancelView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/pause/?$", jobs.JobPauseView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/resume/?$", jobs.JobResumeView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/children/?$", jobs.JobChildrenView.as_view()),
    re_path(r"^dead-letters/?$", dead_letters.DeadLetterListView.as_view()),
    re_path(r"^dead-letters/retry/?$", dead_letters.DeadLetterRetryAllView.as_view()),
    re_path(r"^dead-letters/discard/?$", dead_letters.DeadLetterDiscardAllView.as_view()),
    re_path(r"^dead-letters/(?P<letter_id>\d{1,18})/?$", dead_letters.DeadLetterView.as_view()),
    re_path(r"^dead-letters/(?P<letter_id>\d{1,18})/retry/?$", dead_letters.DeadLetterRetryView.as_view()),
    re_path(r"^dead-letters/(?P<letter_id>\d{1,18})/discard/?$", dead_letters.DeadLetterDiscardView.as_view()),
    re_path(r"^workers/?$", workers.WorkerListView.as_view()),
    re_path(r"^workers/(?P<worker_id>[\w.:@-]+)/drain/?$", workers.WorkerDrainView.as_view()),
    re_path(r"^switches/?$", workers.SwitchView.as_view()),
    re_path(r"^handlers/?$", handlers.HandlerListView.as_view()),
]
